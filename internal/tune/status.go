package tune

import "sockeye/internal/ledger"

// How a change of an entry stands now.
const (
	InForce   = "in-force"
	Kept      = "kept"      // in the drop-in of a unit, whose next start reads it
	Drifted   = "drifted"   // somebody changed the setting since
	Replaced  = "replaced"  // a later entry did: Stands.By
	AsBefore  = "as-before" // of an entry that is being made or undone: it is what it was
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
	Now       *string    `json:"now"`              // nil where it cannot be read
	Overrides []Override `json:"overrides"`        // what would decide it when the machine starts, for what is persisted
	By        uint64     `json:"by,omitempty"`     // the later entry of Replaced
	Unkept    bool       `json:"unkept,omitempty"` // it was to be kept, and its file does not have it any more
	Host      bool       `json:"host"`             // the whole machine's, or of its own namespace
}

// Status tells how each entry of this package stands, oldest first; damaged tells
// of those that cannot be read.
func (t *Tuner) Status() (all []Standing, damaged []error) {
	entries, damaged := t.entries()
	for _, a := range entries {
		s := Standing{Entry: *a.entry, Record: a.record}
		s.Entry.Body = nil // it is Record
		if a.holds() {
			for _, c := range a.record.Changes {
				st := t.stands(a, c)
				if st.How == Drifted {
					st.replacedBy(entries, a)
				}
				s.Changes = append(s.Changes, st)
			}
			for _, c := range a.record.Units {
				s.Changes = append(s.Changes, t.unitStands(c))
			}
		}
		all = append(all, s)
	}
	return all, damaged
}

func (t *Tuner) stands(a entryRecord, c Change) Stands {
	s := Stands{Change: c, Overrides: []Override{}, Host: c.Scope == Host}
	if a.record.Persist && t.DropIn != nil {
		s.Overrides = append(s.Overrides, t.DropIn.Overrides(c.Setting)...)
		s.Unkept = a.entry.Status == ledger.Done && !t.DropIn.Keeps(c)
	}
	here, gone, err := t.locate(a.record, c.NetNS)
	if gone != "" {
		s.How = gone
		return s
	}
	if err == nil {
		s.Host = here.Host
		var now string
		if now, err = t.Machine.Get(here, c.Setting); err == nil {
			s.Now = &now
		}
	}
	switch {
	case err != nil:
		s.How = Missing
	case same(c.Setting, *s.Now, c.To):
		s.How = InForce
	case a.entry.Status != ledger.Done && same(c.Setting, *s.Now, c.From):
		s.How = AsBefore
	default:
		s.How = Drifted
	}
	return s
}

// replacedBy finds the later entry that set what the setting is now.
func (s *Stands) replacedBy(all []entryRecord, a entryRecord) {
	for _, later := range all {
		if later.entry.ID <= a.entry.ID || !later.holds() {
			continue
		}
		for _, c := range later.record.Changes {
			if c.Setting == s.Setting && a.record.space(s.NetNS).is(later.record.space(c.NetNS)) && same(s.Setting, c.To, *s.Now) {
				s.How, s.By = Replaced, later.entry.ID
			}
		}
	}
}

func (t *Tuner) unitStands(c Change) Stands {
	s := Stands{Change: c, How: Drifted, Overrides: []Override{}, Host: true}
	switch {
	case t.DropIn == nil:
		s.How = Missing
		return s
	case t.DropIn.Keeps(c):
		s.How = Kept
	}
	s.Overrides = append(s.Overrides, t.DropIn.UnitOverrides(c.Values.Unit)...)
	return s
}
