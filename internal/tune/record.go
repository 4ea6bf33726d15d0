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
	Changes []Change `json:"changes"`         // of sysctls
	Units   []Change `json:"units,omitempty"` // limits in drop-ins of units: Kind is Systemd
	Spaces  []Space  `json:"spaces"`          // of the changes' namespaces, as they were
	Persist bool     `json:"persist"`         // the drop-in file carries them
	Why     string   `json:"why,omitempty"`   // of its end: "failed: …", "the symptom did not fall"
	Proof   string   `json:"proof,omitempty"`
}

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
	if len(c.From) > valueMax {
		return fmt.Errorf("%s: a value of %d bytes is too long", c.Setting, len(c.From))
	}
	for _, value := range []string{c.From, c.Took} {
		for _, b := range []byte(value) {
			if (b < '0' || b > '9') && b != ' ' && b != '\t' && b != '-' && b != ',' {
				return fmt.Errorf("%s: %q is no value of a setting", c.Setting, value)
			}
		}
	}
	return nil
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
