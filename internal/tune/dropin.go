package tune

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"sockeye/internal/ledger"
)

// dropInName is the one file that keeps settings over a restart. systemd-sysctl
// and "sysctl --system" apply such files in the order of their names
// (sysctl.d(5)): it comes behind a distribution's, before an administrator's 99-.
const dropInName = "60-sockeye.conf"

// ErrForeignFile is a drop-in that is not as Sockeye wrote it: it is left alone.
var ErrForeignFile = errors.New("not as sockeye wrote it")

// DropIn is the directories of sysctl.d(5) below a root: "/" on a machine.
type DropIn struct {
	root *os.Root
	// Describe gives the comment that stands before a change. Nil: none.
	Describe func(Change) string
}

// The directories in which a file hides another of its name in those after it, and
// the file that is applied after them all.
var confDirs = []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"}

const (
	confLast = "etc/sysctl.conf"
	confMax  = 1 << 20 // bytes of a file that are read
)

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

// Path is where the file is, below the root.
func (d *DropIn) Path() string { return path.Join(confDirs[0], dropInName) }

// read returns what Sockeye wrote, nil where there is no file. ErrForeignFile is
// anything that it did not write so: a link, a file of somebody else, or one that
// was edited by hand.
func (d *DropIn) read() ([]byte, error) {
	info, err := d.root.Lstat(d.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > confMax {
		return nil, fmt.Errorf("/%s is no plain file: %w", d.Path(), ErrForeignFile)
	}
	data, err := d.root.ReadFile(d.Path())
	if err != nil {
		return nil, err
	}
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Equal(head, headOf(rest)) {
		return nil, fmt.Errorf("/%s was written or edited by somebody else: %w", d.Path(), ErrForeignFile)
	}
	return data, nil
}

// headOf is the first line of a file with this rest.
func headOf(rest []byte) []byte {
	sum := sha256.Sum256(rest)
	return []byte("# sockeye " + hex.EncodeToString(sum[:]))
}

// write replaces the file, or removes it where lines is empty; nothing happens
// where it is so already.
func (d *DropIn) write(lines []byte) error {
	old, err := d.read()
	if err != nil {
		return err
	}
	temp := path.Join(confDirs[0], "."+dropInName+".new")                          // sysctl reads *.conf only
	if err := d.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a crash
		return err
	}
	if len(lines) == 0 {
		if old == nil {
			return nil
		}
		if err := d.root.Remove(d.Path()); err != nil {
			return err
		}
		return d.syncDir()
	}
	data := append(append(headOf(lines), '\n'), lines...)
	if bytes.Equal(data, old) {
		return nil
	}
	if err := d.root.MkdirAll(confDirs[0], 0o755); err != nil {
		return err
	}
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = d.root.Rename(temp, d.Path())
	}
	if err != nil {
		_ = d.root.Remove(temp)
		return err
	}
	return d.syncDir()
}

func (d *DropIn) syncDir() error {
	dir, err := d.root.Open(confDirs[0])
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return dir.Sync()
}

// rewrite makes the file carry what is in force and was to be persisted, and what a
// record is about to.
func (t *Tuner) rewrite(r *Record) error { return t.carry(r, 0) }

// rewriteWithout leaves out an entry that is being undone.
func (t *Tuner) rewriteWithout(id uint64) error { return t.carry(nil, id) }

// carry writes the last value of each setting into the file.
func (t *Tuner) carry(more *Record, without uint64) error {
	if t.DropIn == nil {
		return nil
	}
	all, _ := t.entries()
	last, by := map[string]Change{}, map[string]uint64{}
	for _, a := range all {
		if a.entry.Status != ledger.Done || !a.record.Persist || a.entry.ID == without {
			continue
		}
		for _, c := range a.record.Changes {
			last[c.Setting], by[c.Setting] = c, a.entry.ID
		}
	}
	if more != nil {
		for _, c := range more.Changes {
			last[c.Setting], by[c.Setting] = c, all[len(all)-1].entry.ID // the entry that has just begun
		}
	}
	names := make([]string, 0, len(last))
	for name := range last {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines bytes.Buffer
	if len(names) > 0 {
		lines.WriteString("# Settings that sockeye tune keeps over a restart. Do not edit: take them back with\n# \"sockeye tune rollback ID\", or put your own into a file that sorts behind this one.\n")
	}
	for _, name := range names {
		fmt.Fprintf(&lines, "\n# %d:", by[name])
		if t.DropIn.Describe != nil {
			for line := range strings.Lines(t.DropIn.Describe(last[name])) {
				fmt.Fprintf(&lines, " %s\n#", strings.TrimSpace(oneLine(line)))
			}
		}
		fmt.Fprintf(&lines, " before: %s\n%s = %s\n", last[name].From, name, last[name].To)
	}
	return t.DropIn.write(lines.Bytes())
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

// persistable makes sure that the file may be written, and that it would mean what
// the changes mean: it is applied in the initial namespace.
func (t *Tuner) persistable(r *Record) error {
	if t.DropIn == nil {
		return fmt.Errorf("there is no directory for it here: %w", ErrNotKept)
	}
	for _, s := range r.Spaces {
		if !s.Host {
			return fmt.Errorf("network namespace %d is not the machine's own: %w", s.NetNS, ErrNotKept)
		}
	}
	_, err := t.DropIn.read()
	return err
}

// Override is a line elsewhere that decides a setting after the drop-in.
type Override struct {
	File  string // "/etc/sysctl.d/99-site.conf"
	Line  int    // from 1
	Value string
}

// Overrides finds the lines that decide a setting after Sockeye's file when the
// machine starts, in the order in which they are applied.
func (d *DropIn) Overrides(setting string) []Override {
	var files []string
	hidden := map[string]bool{}
	for _, dir := range confDirs {
		entries, err := fs.ReadDir(d.root.FS(), dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name := e.Name(); strings.HasSuffix(name, ".conf") && name > dropInName && !hidden[name] {
				hidden[name] = true
				files = append(files, path.Join(dir, name))
			}
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	var out []Override
	for _, file := range append(files, confLast) {
		out = append(out, d.linesOf(file, setting)...)
	}
	return out
}

// matches: sysctl.d(5) takes patterns of shell(1) as names.
func matches(name, setting string) bool {
	hit, err := path.Match(name, setting)
	return err == nil && hit
}

func (d *DropIn) linesOf(file, setting string) (out []Override) {
	if info, err := d.root.Stat(file); err != nil || !info.Mode().IsRegular() { // to open a FIFO would wait
		return nil
	}
	f, err := d.root.Open(file)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, confMax))
	lines.Buffer(nil, confMax)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(strings.TrimSpace(lines.Text()), "-")
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.ReplaceAll(strings.TrimSpace(name), "/", "."); ok && matches(name, setting) {
			out = append(out, Override{"/" + file, n, strings.TrimSpace(value)})
		}
	}
	return out
}
