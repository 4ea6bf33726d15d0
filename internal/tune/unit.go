package tune

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"path"
	"strconv"
	"strings"
)

// limitNOFILE is the one line of a unit that is ever written (systemd.exec(5)).
const limitNOFILE = "LimitNOFILE"

// ErrOverridden is a file behind Sockeye's that decides what it would say.
var ErrOverridden = errors.New("it would have no effect")

// unitDirs are where systemd looks for units and their drop-ins, the first wins
// (systemd.unit(5), "System Unit Search Path").
var unitDirs = []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

func (d *DropIn) unit(name string) ownFile {
	return ownFile{root: d.root, path: path.Join(unitDirs[0], name+".d", dropInName), unit: name}
}

// unitKeepable makes sure that a drop-in of a unit would count.
func (d *DropIn) unitKeepable(name string) error {
	if info, err := d.root.Stat(unitDirs[0]); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no /%s: %w", unitDirs[0], ErrNotKept)
	}
	if o := d.UnitOverrides(name); len(o) > 0 {
		last := o[len(o)-1]
		return fmt.Errorf("%w: %s:%d sets %s=%s for %s behind it", ErrOverridden, last.File, last.Line, limitNOFILE, last.Value, name)
	}
	return nil
}

// unitLines are those of a unit's drop-in below its first. A hard limit that is
// higher stays, so that the program can still raise its own (systemd.exec(5): "soft:hard").
func (d *DropIn) unitLines(k kept) []byte {
	var lines bytes.Buffer
	lines.WriteString("# A limit that sockeye tune keeps. Do not edit: take it back with \"sockeye tune rollback ID\".\n# It counts after \"systemctl daemon-reload\" and a restart of the unit.\n\n")
	d.comment(&lines, k)
	fmt.Fprintf(&lines, "[Service]\n%s=%s\n", limitNOFILE, k.limit())
	return lines.Bytes()
}

// softLimit is the value of a limit as prlimit(1) takes it: the hard one stays unless
// it is in the way, or not known.
func (c Change) softLimit() string {
	if to, err := strconv.ParseUint(c.To, 10, 64); err == nil && c.Values.Hard > 0 && c.Values.Hard < to {
		return c.To + ":" + c.To
	}
	return c.To + ":"
}

// limit is the value of a limit as systemd writes it.
func (c Change) limit() string {
	if to, err := strconv.ParseUint(c.To, 10, 64); err == nil && c.Values.Hard > to {
		return fmt.Sprintf("%s:%d", c.To, c.Values.Hard)
	}
	return c.To + ":" + c.To
}

// UnitOverrides finds the lines that decide a unit's limit of descriptors after
// Sockeye's drop-in.
func (d *DropIn) UnitOverrides(unit string) (out []Override) {
	var dirs []string
	for _, name := range dropInDirs(unit) {
		for _, dir := range unitDirs {
			dirs = append(dirs, path.Join(dir, name))
		}
	}
	for _, file := range d.behind(dirs, dropInName) {
		real, ok := d.plain(file)
		if !ok {
			continue
		}
		section := ""
		for n, line := range joined(d.lines(real)) {
			if strings.HasPrefix(line, "[") {
				section = line
				continue
			}
			key, value, ok := strings.Cut(line, "=")
			if ok && section == "[Service]" && strings.TrimSpace(key) == limitNOFILE {
				out = append(out, Override{File: "/" + real, Line: n, Value: strings.TrimSpace(value)})
			}
		}
	}
	return out
}

// joined are the lines as systemd takes them, by the number of the first: one that ends
// in a backslash goes on in the next, comments between them left out (systemd.syntax(7);
// two backslashes are one that was meant, src/shared/conf-parser.c config_parse, v256).
func joined(lines iter.Seq2[int, string]) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		var whole strings.Builder
		first := 0 // of the line that is not at its end, 0 none
		for n, line := range lines {
			if trimmed := strings.TrimSpace(line); trimmed != "" && isComment(trimmed) {
				continue
			}
			if first == 0 {
				first = n
			}
			if slashes := len(line) - len(strings.TrimRight(line, "\\")); slashes%2 == 1 {
				whole.WriteString(line[:len(line)-1])
				whole.WriteByte(' ')
				continue
			}
			whole.WriteString(line)
			if text := strings.TrimSpace(whole.String()); text != "" && !yield(first, text) {
				return
			}
			whole.Reset()
			first = 0
		}
		if first != 0 {
			yield(first, strings.TrimSpace(whole.String()))
		}
	}
}

// dropInDirs are the directories of a unit's drop-ins: its own, its template's, those
// of its name cut at each dash, and its type's (systemd.unit(5), "foo-.service.d").
func dropInDirs(unit string) []string {
	const kind = ".service"
	stem := strings.TrimSuffix(unit, kind)
	dirs := []string{stem + kind + ".d"}
	prefix, instance, isInstance := strings.Cut(stem, "@")
	if isInstance {
		dirs = append(dirs, prefix+"@"+kind+".d")
		instance = "@" + instance
	}
	for i := len(prefix) - 2; i > 0; i-- { // a dash at the end is the name itself
		if prefix[i] == '-' {
			dirs = append(dirs, prefix[:i+1]+instance+kind+".d")
		}
	}
	return append(dirs, "service.d")
}
