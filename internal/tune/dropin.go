package tune

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"sockeye/internal/durable"
)

// DropIn is the files below a root, "/" on a machine, that keep changes over a
// restart: one of sysctl.d(5), and one for each unit of systemd.unit(5).
type DropIn struct {
	root *os.Root
	// Describe gives the lines of comment that stand before a change. Nil: none.
	Describe func(Change) []string
}

// dropInName is that of the files that keep changes. systemd-sysctl and "sysctl
// --system" apply such files in the order of their names (sysctl.d(5)), as systemd
// does those of a unit: it comes behind a distribution's, before an
// administrator's 99-.
const dropInName = "60-sockeye.conf"

// NewDropIn opens the directories below root, which stay confined to it.
func NewDropIn(root string) (*DropIn, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &DropIn{root: r}, nil
}

// Close closes it.
func (d *DropIn) Close() error { return d.root.Close() }

// Path is where the file of settings is, below the root.
func (d *DropIn) Path() string { return path.Join(confDirs[0], dropInName) }

func (d *DropIn) settings() ownFile { return ownFile{root: d.root, path: d.Path()} }

// files are those that a record is kept in.
func (d *DropIn) files(r *Record) (files []ownFile) {
	if len(r.Changes) > 0 {
		files = append(files, d.settings())
	}
	for _, c := range r.Units {
		files = append(files, d.unit(c.Values.Unit))
	}
	return files
}

// readable makes sure that the files of a record are Sockeye's, or not there.
func (d *DropIn) readable(r *Record) error {
	for _, f := range d.files(r) {
		if _, err := f.read(); err != nil {
			return err
		}
	}
	return nil
}

// Keeps reports whether a file has a change, as Sockeye wrote it.
func (d *DropIn) Keeps(c Change) bool {
	f, value := d.settings(), strings.TrimSpace(c.To)
	if c.Kind == Systemd {
		f, value = d.unit(c.Values.Unit), c.limit()
	}
	data, err := f.read()
	if err != nil {
		return false
	}
	all, _ := f.blocks(data)
	return slices.ContainsFunc(all, func(b block) bool { return b.name == c.Setting && b.value == value })
}

// settingLines are those of the file of settings below its first. What stands in it
// without an entry, by setting, stays as it is.
func (d *DropIn) settingLines(sets map[string]kept, strange map[string]string) []byte {
	names := slices.AppendSeq(slices.Collect(maps.Keys(sets)), maps.Keys(strange))
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	var lines bytes.Buffer
	lines.WriteString("# Settings that sockeye tune keeps over a restart. Do not edit: take them back with\n# \"sockeye tune rollback ID\", or put your own into a file that sorts behind this one.\n")
	for _, name := range slices.Compact(names) {
		lines.WriteByte('\n')
		if text, ok := strange[name]; ok {
			lines.WriteString(text)
			continue
		}
		d.comment(&lines, sets[name])
		d.overridden(&lines, name)
		fmt.Fprintf(&lines, "%s = %s\n", name, sets[name].To)
	}
	return lines.Bytes()
}

// overridesShown is how many lines that decide a setting are told in the file, the last
// ones: those count. With valueShown it keeps the file small enough to be read again.
const overridesShown = 5

// overridden tells which lines elsewhere decide a setting.
func (d *DropIn) overridden(lines *bytes.Buffer, name string) {
	over := d.Overrides(name)
	if more := len(over) - overridesShown; more > 0 {
		fmt.Fprintf(lines, "# Overridden when this was written, by %d more lines before these:\n", more)
		over = over[more:]
	}
	for _, o := range over {
		where := ""
		if o.Only != "" {
			where = ", where " + o.Only + " reads it"
		}
		if o.Unset {
			fmt.Fprintf(lines, "# Taken back when this was written%s: %s:%d\n", where, short(o.File, pathShown), o.Line)
			continue
		}
		fmt.Fprintf(lines, "# Overridden when this was written%s: %s:%d says %s\n", where, short(o.File, pathShown), o.Line, brief(o.Value))
	}
}

// comment tells which entry a change is of, why it was made and what was before.
func (d *DropIn) comment(lines *bytes.Buffer, k kept) {
	fmt.Fprintf(lines, "# %s; before: %s\n", k.stamp, brief(k.From))
	if d.Describe == nil {
		return
	}
	for _, line := range d.Describe(k.Change) {
		fmt.Fprintf(lines, "# %s\n", oneLine(line))
	}
}

// In bytes, of what a comment tells.
const (
	valueShown = 80
	pathShown  = 255
)

// brief is a value in a comment, of a long one its beginning.
func brief(s string) string { return short(strings.Join(strings.Fields(s), " "), valueShown) }

// short is the beginning of a text, in one line.
func short(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return oneLine(s)
}

// oneLine keeps a comment a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// persistable makes sure that the files may be written, and that they would mean
// what the changes mean: settings are applied in the initial namespace. With a ledger
// it writes and removes a file beside each, to find out before anything is changed;
// without one, where nothing is to be changed, it only looks.
func (t *Tuner) persistable(r *Record) error {
	if t.DropIn == nil {
		return fmt.Errorf("there is no directory for it here: %w", ErrNotKept)
	}
	for _, s := range r.Spaces {
		if !s.Host {
			return fmt.Errorf("network namespace %d is not the machine's own: %w", s.NetNS, ErrNotKept)
		}
	}
	for _, c := range r.Units {
		if err := t.DropIn.unitKeepable(c.Values.Unit); err != nil {
			return err
		}
	}
	if t.Ledger == nil {
		return t.DropIn.readable(r)
	}
	return t.rehearse(r)
}

// sweep removes what a process that was killed left of its trial whether the files could
// be written: no entry tells of that yet. The caller holds the lock.
func (d *DropIn) sweep() {
	for _, dir := range []string{confDirs[0], path.Dir(confDirs[0]), unitDirs[0]} {
		durable.Sweep(d.root, path.Join(dir, dropInName))
	}
}
