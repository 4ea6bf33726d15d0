package tune

import (
	"bytes"
	"errors"

	"sockeye/internal/ledger"
)

// How a change of an entry stands now.
const (
	InForce   = "in-force"
	Kept      = "kept"      // in the drop-in of a unit, whose next start reads it
	Drifted   = "drifted"   // somebody changed the setting since
	Restarted = "restarted" // the machine was: what no file keeps is forgotten
	Ended     = "ended"     // the network namespace has
	Missing   = "missing"   // the setting cannot be read any more
)

// Standing is an entry and what has become of it.
type Standing struct {
	Entry   ledger.Entry `json:"entry"`
	Record  *Record      `json:"record"`
	Changes []Stands     `json:"changes"` // of an entry that was not undone
}

// Stands is a change and what the setting is now.
type Stands struct {
	Change
	How       string     `json:"how"`
	Now       *string    `json:"now"`       // nil where it cannot be read
	Overrides []Override `json:"overrides"` // what would decide it when the machine starts, for what is persisted
}

// Status tells how each entry of this package stands, oldest first; damaged tells
// of those that cannot be read.
func (t *Tuner) Status() (all []Standing, damaged []error) {
	entries, damaged := t.entries()
	for _, a := range entries {
		s := Standing{Entry: *a.entry, Record: a.record}
		s.Entry.Body = nil // it is Record
		if a.entry.Status == ledger.Done || a.entry.Status == ledger.Begun || a.entry.Status == ledger.Undoing {
			for _, c := range a.record.Changes {
				s.Changes = append(s.Changes, t.stands(a.record, c))
			}
			for _, c := range a.record.Units {
				s.Changes = append(s.Changes, t.unitStands(c))
			}
		}
		all = append(all, s)
	}
	return all, damaged
}

func (t *Tuner) stands(r *Record, c Change) Stands {
	s := Stands{Change: c, Overrides: []Override{}}
	if r.Persist && t.DropIn != nil {
		s.Overrides = append(s.Overrides, t.DropIn.Overrides(c.Setting)...)
	}
	here, err := t.Machine.Space(c.NetNS)
	was := r.space(c.NetNS)
	switch {
	case err == nil && here.Boot != was.Boot && !r.stillThere(was, here):
		s.How = Restarted
		return s
	case errors.Is(err, ErrGone), err == nil && !r.stillThere(was, here):
		s.How = Ended
		return s
	}
	now, err := t.Machine.Get(here, c.Setting)
	if err != nil {
		s.How = Missing
		return s
	}
	s.Now, s.How = &now, Drifted
	if same(c.Setting, now, c.To) {
		s.How = InForce
	}
	return s
}

func (t *Tuner) unitStands(c Change) Stands {
	s := Stands{Change: c, How: Drifted, Overrides: []Override{}}
	if t.DropIn == nil {
		s.How = Missing
		return s
	}
	s.Overrides = append(s.Overrides, t.DropIn.UnitOverrides(c.Values.Unit)...)
	if data, err := t.DropIn.unit(c.Values.Unit).read(); err == nil && bytes.Contains(data, []byte("\n"+limitNOFILE+"="+c.limit()+"\n")) {
		s.How = Kept
	}
	return s
}
