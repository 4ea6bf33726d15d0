package tune

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"sockeye/internal/ledger"
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

func (d *DropIn) settings() ownFile { return ownFile{d.root, d.Path()} }

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

// keep makes the files of a record carry it as that entry, besides what else is in
// force.
func (t *Tuner) keep(r *Record, id uint64) error { return t.carry(r, id, true) }

// forget makes the files of an entry carry only what else is in force.
func (t *Tuner) forget(r *Record, id uint64) error { return t.carry(r, id, false) }

// kept is a change that a file keeps, and the entry that it is of.
type kept struct {
	Change
	id uint64
}

// carry writes the last value of each setting into the files of a record: those of
// the other entries in force, and the record's own if it is to be kept.
func (t *Tuner) carry(r *Record, id uint64, keep bool) error {
	if t.DropIn == nil {
		return nil
	}
	sets, limits := map[string]kept{}, map[string]kept{}
	add := func(r *Record, id uint64) {
		for _, c := range r.Changes {
			sets[c.Setting] = kept{c, id}
		}
		for _, c := range r.Units {
			limits[c.Values.Unit] = kept{c, id}
		}
	}
	all, _ := t.entries()
	for _, a := range all {
		if a.entry.Status == ledger.Done && a.record.Persist && a.entry.ID != id {
			add(a.record, a.entry.ID)
		}
	}
	if keep {
		add(r, id)
	}
	var errs []error
	if len(r.Changes) > 0 {
		errs = append(errs, t.DropIn.settings().write(t.DropIn.settingLines(sets)))
	}
	for _, c := range r.Units {
		t.step("file of " + c.Values.Unit)
		var lines []byte
		if k, ok := limits[c.Values.Unit]; ok {
			lines = t.DropIn.unitLines(k)
		}
		errs = append(errs, t.DropIn.writeUnit(c.Values.Unit, lines))
	}
	return errors.Join(errs...)
}

// settingLines are those of the file of settings below its first.
func (d *DropIn) settingLines(sets map[string]kept) []byte {
	if len(sets) == 0 {
		return nil
	}
	var lines bytes.Buffer
	lines.WriteString("# Settings that sockeye tune keeps over a restart. Do not edit: take them back with\n# \"sockeye tune rollback ID\", or put your own into a file that sorts behind this one.\n")
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		lines.WriteByte('\n')
		d.comment(&lines, sets[name])
		for _, o := range d.Overrides(name) {
			fmt.Fprintf(&lines, "# Overridden when this was written: %s:%d says %s\n", oneLine(o.File), o.Line, oneLine(o.Value))
		}
		fmt.Fprintf(&lines, "%s = %s\n", name, sets[name].To)
	}
	return lines.Bytes()
}

// comment tells which entry a change is of, why it was made and what was before.
func (d *DropIn) comment(lines *bytes.Buffer, k kept) {
	fmt.Fprintf(lines, "# entry %d; before: %s\n", k.id, strings.Join(strings.Fields(oneLine(k.From)), " "))
	if d.Describe == nil {
		return
	}
	for _, line := range d.Describe(k.Change) {
		fmt.Fprintf(lines, "# %s\n", oneLine(line))
	}
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
// what the changes mean: settings are applied in the initial namespace.
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
	return t.DropIn.readable(r)
}
