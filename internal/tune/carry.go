package tune

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"sockeye/internal/ledger"
)

// ErrUnexplained is a file with lines of Sockeye's that no entry of this ledger tells
// of: their entry is damaged, or in another state directory.
var ErrUnexplained = errors.New("it has lines that no entry explains")

// keep makes the files of a record carry it as that entry, besides what else is in
// force. ErrUnexplained, and nothing is written to that file.
func (t *Tuner) keep(r *Record, id uint64) error { return t.carry(r, id, true) }

// forget makes the files of an entry carry only what else is in force. Lines that no
// entry explains stay as they are: whoever wrote them may still count on them.
func (t *Tuner) forget(r *Record, id uint64) error { return t.carry(r, id, false) }

// carry writes the last value of each setting into the files of a record: those of
// the other entries in force, and the record's own if it is to be kept.
func (t *Tuner) carry(r *Record, id uint64, keep bool) error {
	if t.DropIn == nil {
		return nil
	}
	all, _ := t.entries() // what a damaged one wrote is unexplained
	in := carriedOf(all, id)
	if keep {
		in.add(r, stampOf(id, in.at))
	}
	var errs []error
	for _, f := range t.DropIn.files(r) {
		if f.unit != "" {
			t.step("file of " + f.unit)
		}
		lines, err := t.DropIn.draft(f, in, keep)
		if err == nil {
			err = f.write(lines, r.Made)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rehearse finds out whether the files of a record could be written, before anything
// is changed, and notes in it which directories would be made.
func (t *Tuner) rehearse(r *Record) error {
	all, _ := t.entries()
	in := carriedOf(all, 0)
	in.add(r, stampOf(0, time.Now()))
	r.Made = nil
	for _, f := range t.DropIn.files(r) {
		old, err := f.read()
		if err != nil {
			return err
		}
		dirs, _ := f.absent()
		if old != nil { // who takes the file away at last may be any of its entries
			dirs = madeBefore(all, f)
		}
		r.Made = append(r.Made, dirs...)
		lines, err := t.DropIn.draft(f, in, true)
		if err != nil {
			return err
		}
		if err := f.try(lines); err != nil {
			return err
		}
	}
	return nil
}

// madeBefore are the directories of a file that entries in force have made.
func madeBefore(all []entryRecord, f ownFile) (dirs []string) {
	for dir := path.Dir(f.path); dir != "."; dir = path.Dir(dir) {
		if slices.ContainsFunc(all, func(a entryRecord) bool { return a.holds() && slices.Contains(a.record.Made, dir) }) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// kept is a change that a file keeps, and the entry that it is of.
type kept struct {
	Change
	stamp string
}

// carried is what the files have to carry, and what they may have now.
type carried struct {
	sets   map[string]kept // by setting
	limits map[string]kept // by unit
	known  map[block]bool  // what entries that may be in force wrote
	at     time.Time       // of the entry that is left out
}

// carriedOf is what all entries in force but one carry.
func carriedOf(all []entryRecord, id uint64) *carried {
	in := &carried{sets: map[string]kept{}, limits: map[string]kept{}, known: map[block]bool{}}
	for _, a := range all {
		if a.entry.ID == id {
			in.at = a.entry.At
		}
		if !a.holds() || !a.record.Persist {
			continue
		}
		stamp := stampOf(a.entry.ID, a.entry.At)
		in.know(a.record, stamp)
		if a.entry.Status == ledger.Done && a.entry.ID != id {
			in.add(a.record, stamp)
		}
	}
	return in
}

func (in *carried) add(r *Record, stamp string) {
	for _, c := range r.Changes {
		in.sets[c.Setting] = kept{c, stamp}
	}
	for _, c := range r.Units {
		in.limits[c.Values.Unit] = kept{c, stamp}
	}
}

func (in *carried) know(r *Record, stamp string) {
	for _, c := range r.Changes {
		in.known[block{stamp: stamp, name: c.Setting, value: strings.TrimSpace(c.To)}] = true
	}
	for _, c := range r.Units {
		in.known[block{stamp: stamp, unit: c.Values.Unit, name: limitNOFILE, value: c.limit()}] = true
	}
}

// block is a change as a file has it.
type block struct {
	stamp       string // of its entry
	unit        string // whose file it is; "" that of settings
	name, value string
}

// stampOf tells an entry from one with its number in another ledger.
func stampOf(id uint64, at time.Time) string {
	return fmt.Sprintf("entry %d of %s", id, at.UTC().Format(time.RFC3339))
}

// blocks are the changes that a file has, by the paragraph that each is written in.
func (f ownFile) blocks(data []byte) (all []block, texts []string) {
	for text := range strings.SplitSeq(string(data), "\n\n") {
		b := block{unit: f.unit}
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if rest, ok := strings.CutPrefix(line, "# "); ok && b.stamp == "" && strings.HasPrefix(rest, "entry ") {
				b.stamp, _, _ = strings.Cut(rest, ";")
			}
			if name, value, ok := strings.Cut(line, "="); ok && line[0] != '#' {
				b.name, b.value = strings.TrimSpace(name), strings.TrimSpace(value)
			}
		}
		if b.name != "" {
			all, texts = append(all, b), append(texts, strings.TrimRight(text, "\n")+"\n")
		}
	}
	return all, texts
}

// draft are the lines below the first that a file is to have.
func (d *DropIn) draft(f ownFile, in *carried, keep bool) ([]byte, error) {
	old, err := f.read()
	if err != nil {
		return nil, err
	}
	strange := map[string]string{} // by name
	all, texts := f.blocks(old)
	for i, b := range all {
		if in.known[b] {
			continue
		}
		if keep {
			return nil, fmt.Errorf("/%s: %s = %s (%s): %w", f.path, b.name, brief(b.value), b.stamp, ErrUnexplained)
		}
		strange[b.name] += texts[i]
	}
	if f.unit == "" {
		return d.settingLines(in.sets, strange), nil
	}
	if len(strange) > 0 {
		_, rest, _ := bytes.Cut(old, []byte("\n"))
		return rest, nil
	}
	if k, ok := in.limits[f.unit]; ok {
		return d.unitLines(k), nil
	}
	return nil, nil
}
