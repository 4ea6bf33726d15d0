package tune

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"sockeye/internal/ledger"
)

// Kind is the kind of this package's entries in the ledger.
const Kind = "tune"

// Record is the body of an entry: enough to undo it without anything else.
type Record struct {
	Changes []Change `json:"changes"`           // of sysctls
	Units   []Change `json:"units,omitempty"`   // limits in drop-ins of units: Kind is Systemd
	Spaces  []Space  `json:"spaces"`            // of the changes' namespaces, as they were
	Persist bool     `json:"persist"`           // the drop-in file carries them
	Tried   int      `json:"tried"`             // of Changes: so many may have been written, the last of them to anything as long as the entry says "begun"
	Proving bool     `json:"proving,omitempty"` // it is watched; see Options.Prove
	Why     string   `json:"why,omitempty"`     // it failed: the error
	Ended   string   `json:"ended,omitempty"`   // why it was taken back: one of endings, "" by a person
	Proof   string   `json:"proof,omitempty"`   // one of proofs
	Drifted []Drift  `json:"drifted,omitempty"` // what was not put back, as somebody else had changed it
	Made    []string `json:"made,omitempty"`    // directories of its files that were not there before
}

// What came of watching, and why something was taken back: codes, whose words are in
// knowledge as "applied.proof.CODE" and "applied.ended.CODE".
var (
	proofs  = []string{"", "fell", "later", "no-symptom", "not-watched", "disturbed"}
	endings = []string{"", "interrupted", "not-fallen", "disturbed", "canceled"}
)

// recordOf reads an entry back, and believes nothing in it: every change must be
// one that a plan could have had.
func recordOf(e *ledger.Entry) (*Record, error) {
	if e.Kind != Kind {
		return nil, fmt.Errorf("entry %d is about %q", e.ID, e.Kind)
	}
	var r Record
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return nil, fmt.Errorf("entry %d: %w: %w", e.ID, ledger.ErrDamaged, err)
	}
	if !slices.Contains(proofs, r.Proof) || !slices.Contains(endings, r.Ended) || r.Tried < 0 || r.Tried > len(r.Changes) {
		return nil, fmt.Errorf("entry %d: %w: proof %q, end %q, %d tried", e.ID, ledger.ErrDamaged, r.Proof, r.Ended, r.Tried)
	}
	if len(r.Changes) > len(settings) {
		return nil, fmt.Errorf("entry %d: %w: %d changes", e.ID, ledger.ErrDamaged, len(r.Changes))
	}
	if len(r.Units) > unitsMost {
		return nil, fmt.Errorf("entry %d: %w: %d units", e.ID, ledger.ErrDamaged, len(r.Units))
	}
	for _, c := range r.Units {
		if err := c.checkUnit(); err != nil {
			return nil, fmt.Errorf("entry %d: %w: %w", e.ID, ledger.ErrDamaged, err)
		}
	}
	for _, c := range r.Changes {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("entry %d: %w: %w", e.ID, ledger.ErrDamaged, err)
		}
		if !slices.ContainsFunc(r.Spaces, func(s Space) bool { return s.NetNS == c.NetNS }) {
			return nil, fmt.Errorf("entry %d: %w: network namespace %d is not told", e.ID, ledger.ErrDamaged, c.NetNS)
		}
	}
	return &r, nil
}

// check: To must be a good value. From must be one in form only: what was set
// before may have been bad, and is restored all the same.
func (c Change) check() error {
	s, ok := Lookup(c.Setting)
	if !ok || c.Kind != "" {
		return fmt.Errorf("%q: %w", c.Setting, ErrUnknownSetting)
	}
	if err := s.Check(c.To); err != nil {
		return err
	}
	if err := s.form(c.From); err != nil {
		return err
	}
	if c.Took == "" {
		return nil
	}
	return s.form(c.Took)
}

// unitsMost bounds how many units one entry is about.
const unitsMost = 64

// checkUnit: what stands in a path and in a file must be harmless.
func (c Change) checkUnit() error {
	if c.Kind != Systemd || c.Setting != limitNOFILE || !isService(c.Values.Unit) {
		return fmt.Errorf("%s of %q: %w", c.Setting, c.Values.Unit, ErrUnknownSetting)
	}
	if n, err := strconv.ParseUint(c.To, 10, 64); err != nil || n < 1 || n > filesMost {
		return fmt.Errorf("%s takes a number from 1 to %d, not %q", limitNOFILE, filesMost, c.To)
	}
	if _, err := strconv.ParseUint(c.From, 10, 64); err != nil {
		return fmt.Errorf("%s: %q is no limit", limitNOFILE, c.From)
	}
	return nil
}

// about reports whether a record changes anything.
func (r *Record) about() bool { return len(r.Changes)+len(r.Units) > 0 }

func (r *Record) space(netns uint64) Space {
	i := slices.IndexFunc(r.Spaces, func(s Space) bool { return s.NetNS == netns })
	return r.Spaces[i]
}
