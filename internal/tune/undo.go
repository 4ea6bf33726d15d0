package tune

import (
	"errors"
	"fmt"
	"slices"
)

// Drift is a setting that somebody else changed after Sockeye did: it is left alone.
type Drift struct {
	Setting string `json:"setting"`
	NetNS   uint64 `json:"netns"`
	Host    bool   `json:"host"` // the whole machine's, or of its own namespace
	Now     string `json:"now"`  // what it is
	Was     string `json:"was"`  // what it was before Sockeye
	Ours    string `json:"ours"` // what Sockeye made of it
}

// Lost is a change that is not in force any more, whoever undoes it.
type Lost struct {
	Change
	Why string `json:"why"` // Ended, Restarted or Missing
}

// Undone tells what a rollback came to.
type Undone struct {
	Entry    uint64
	Restored []Change // what was put back, From is in force again
	Units    []Change // limits that the files of units no longer tell
	Drifted  []Drift
	Gone     []Lost
	Err      error // what could not be undone: the entry stays open. ErrNotUndone or ErrNotNoted
}

// none is no change of a record.
const none = -1

// undo restores the values of changes of a record, the last one first, as far as
// that goes: of what is neither ours nor what it was before, somebody else is the
// author, and it stays. Of the torn change any value is ours: the kernel may have made
// another one of it than was written, and nobody could say so any more.
func (t *Tuner) undo(r *Record, changes []Change, torn int) *Undone {
	u := &Undone{Units: r.Units}
	var errs []error
	for i, c := range slices.Backward(changes) {
		here, gone, err := t.locate(r, c.NetNS)
		var now string
		if err == nil && gone == "" {
			now, err = t.Machine.Get(here, c.Setting)
		}
		switch {
		case errors.Is(err, ErrMissing): // a module was unloaded, say
			u.Gone = append(u.Gone, Lost{c, Missing})
		case errors.Is(err, ErrGone):
			u.Gone = append(u.Gone, Lost{c, Ended})
		case err != nil:
			errs = append(errs, err)
		case gone != "":
			u.Gone = append(u.Gone, Lost{c, gone})
		case same(c.Setting, now, c.From):
		case i != torn && !same(c.Setting, now, c.To) && (c.Took == "" || !same(c.Setting, now, c.Took)):
			u.Drifted = append(u.Drifted, Drift{c.Setting, c.NetNS, here.Host, now, c.From, c.To})
		default:
			t.step("restore " + c.Setting)
			if _, err := t.put(here, c.Setting, c.From); err != nil {
				errs = append(errs, err)
				continue
			}
			u.Restored = append(u.Restored, c)
		}
	}
	if err := errors.Join(errs...); err != nil {
		u.Err = fmt.Errorf("%w: %w", ErrNotUndone, err)
	}
	return u
}

// locate finds a namespace of a record as it is now; gone is Ended or Restarted where
// what was set there cannot be in force any more. It fails where that cannot be told.
func (t *Tuner) locate(r *Record, netns uint64) (here Space, gone string, err error) {
	was := r.space(netns)
	here, err = t.Machine.Space(netns)
	if was.Host && (err != nil || !here.Host) { // a new kernel may number it anew
		if home := t.Machine.Home(); home != 0 && home != netns {
			here, err = t.Machine.Space(home)
		}
	}
	restarted := here.Boot != "" && here.Boot != was.Boot
	switch {
	case restarted && (!r.Persist || !was.Host):
		return here, Restarted, nil
	case errors.Is(err, ErrGone):
		return here, Ended, nil
	case err != nil:
		return here, "", err
	case restarted && here.Host: // which read the drop-in
		return here, "", nil
	case restarted:
		return here, Restarted, nil
	case here.Cookie != was.Cookie:
		return here, Ended, nil
	}
	return here, "", nil
}
