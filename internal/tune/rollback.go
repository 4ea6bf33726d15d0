package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sockeye/internal/ledger"
)

// Drift is a setting that somebody else changed after Sockeye did: it is left alone.
type Drift struct {
	Setting string `json:"setting"`
	NetNS   uint64 `json:"netns"`
	Now     string `json:"now"`  // what it is
	Was     string `json:"was"`  // what it was before Sockeye
	Ours    string `json:"ours"` // what Sockeye made of it
}

// Undone tells what a rollback came to.
type Undone struct {
	Entry    uint64
	Restored []Change // what was put back, From is in force again
	Units    []Change // limits that the files of units no longer tell
	Drifted  []Drift
	Gone     []Change // their namespace has ended, the machine was restarted, or the setting exists no more
}

// ErrLater says that a later entry changed the same setting, so that it must be
// undone first.
var ErrLater = errors.New("a later entry changed the same setting")

// ErrNotInForce is an entry that was undone already, or failed.
var ErrNotInForce = errors.New("there is nothing to undo")

// Rollback restores what was before an entry, its part of the drop-in included.
func (t *Tuner) Rollback(ctx context.Context, id uint64) (*Undone, error) {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, _ = t.recover(ctx) // what cannot be undone there need not be in the way here
	e, err := t.Ledger.Entry(id)
	if err != nil {
		return nil, err
	}
	r, err := recordOf(e)
	if err != nil {
		return nil, err
	}
	if e.Status != ledger.Done {
		return nil, fmt.Errorf("entry %d is %s: %w", id, e.Status, ErrNotInForce)
	}
	if err := t.nothingLater(e, r); err != nil {
		return nil, err
	}
	return t.rollBack(e, r)
}

// RollbackAll undoes every entry in force, the newest first. One that cannot be
// undone does not keep the others.
func (t *Tuner) RollbackAll(ctx context.Context) ([]*Undone, error) {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out, err := t.recover(ctx)
	all, damaged := t.entries()
	errs := append(damaged, err)
	for _, a := range slices.Backward(all) {
		if a.entry.Status != ledger.Done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, errors.Join(append(errs, err)...)
		}
		u, err := t.rollBack(a.entry, a.record)
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %d: %w", a.entry.ID, err))
		}
		if u != nil {
			out = append(out, u)
		}
	}
	return out, errors.Join(errs...)
}

// rollBack says in the ledger that it undoes before it does: who is killed in
// between is finished by the next run.
func (t *Tuner) rollBack(e *ledger.Entry, r *Record) (*Undone, error) {
	if r.Persist && t.DropIn != nil {
		if err := t.DropIn.readable(r); err != nil { // somebody's: nothing is touched
			return nil, err
		}
	}
	t.step("undoing")
	if err := t.Ledger.Update(e, ledger.Undoing, r); err != nil {
		return nil, err
	}
	u, err := t.undo(r, r.Changes)
	u.Entry = e.ID
	if err == nil {
		err = t.close(e, ledger.RolledBack, r)
	}
	if err != nil {
		return u, fmt.Errorf("%w: %w", ErrNotUndone, err)
	}
	return u, nil
}

// recover finishes what a process left half done when it ended. The caller holds
// the lock, so that none of them is still at work. An entry that cannot be undone
// now stays open, and its error is returned with those of the others.
func (t *Tuner) recover(ctx context.Context) (out []*Undone, err error) {
	all, _ := t.entries() // what is damaged cannot be undone, and Status tells of it
	var errs []error
	for _, a := range slices.Backward(all) {
		to := ledger.RolledBack
		switch a.entry.Status {
		case ledger.Begun:
			a.record.Why, to = "it was interrupted", ledger.Failed
		case ledger.Undoing:
		default:
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		u, err := t.undo(a.record, a.record.Changes)
		u.Entry = a.entry.ID
		if err == nil {
			err = t.close(a.entry, to, a.record)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %d was interrupted: %w: %w", a.entry.ID, ErrNotUndone, err))
		}
		out = append(out, u)
		if t.Recovered != nil {
			t.Recovered(u)
		}
	}
	return out, errors.Join(errs...)
}

// recoverFor is recover before changes: what could not be undone keeps them only
// where it is about the same settings.
func (t *Tuner) recoverFor(ctx context.Context, changes []Change) error {
	_, err := t.recover(ctx)
	if err == nil {
		return nil
	}
	all, _ := t.entries()
	for _, a := range all {
		if a.entry.Status == ledger.Begun || a.entry.Status == ledger.Undoing {
			if c := common(a.record.Changes, changes); c != "" {
				return fmt.Errorf("%s: %w", c, err)
			}
		}
	}
	return nil
}

// common is a setting that both change, "" where there is none.
func common(a, b []Change) string {
	for _, c := range a {
		if slices.ContainsFunc(b, func(o Change) bool { return o.Setting == c.Setting && o.NetNS == c.NetNS }) {
			return c.Setting
		}
	}
	return ""
}

// Recover is what each change begins with, for those who only want to look.
func (t *Tuner) Recover(ctx context.Context) ([]*Undone, error) {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return t.recover(ctx)
}

// undo restores the values of changes of a record, the last one first, as far as
// that goes: of what is neither ours nor what it was before, somebody else is the
// author, and it stays.
func (t *Tuner) undo(r *Record, changes []Change) (*Undone, error) {
	u := &Undone{Units: r.Units}
	var errs []error
	for _, c := range slices.Backward(changes) {
		was := r.space(c.NetNS)
		here, err := t.Machine.Space(c.NetNS)
		if errors.Is(err, ErrGone) || err == nil && !r.stillThere(was, here) {
			u.Gone = append(u.Gone, c)
			continue
		}
		var now string
		if err == nil {
			now, err = t.Machine.Get(here, c.Setting)
		}
		switch {
		case errors.Is(err, ErrMissing), errors.Is(err, ErrGone): // a module was unloaded, say
			u.Gone = append(u.Gone, c)
		case err != nil:
			errs = append(errs, err)
		case same(c.Setting, now, c.From):
		case !same(c.Setting, now, c.To) && (c.Took == "" || !same(c.Setting, now, c.Took)):
			u.Drifted = append(u.Drifted, Drift{c.Setting, c.NetNS, now, c.From, c.To})
		default:
			t.step("restore " + c.Setting)
			if _, err := t.put(here, c.Setting, c.From); err != nil {
				errs = append(errs, err)
				continue
			}
			u.Restored = append(u.Restored, c)
		}
	}
	return u, errors.Join(errs...)
}

// stillThere reports whether what was set in a namespace can still be there: it is
// the same one, or the machine's own after a restart, which read the drop-in.
func (r *Record) stillThere(was, here Space) bool {
	if here.Boot != was.Boot {
		return r.Persist && was.Host && here.Host
	}
	return here.Cookie == was.Cookie
}

// nothingLater makes sure that no later entry in force changed the same settings.
func (t *Tuner) nothingLater(e *ledger.Entry, r *Record) error {
	all, _ := t.entries()
	for _, later := range all {
		if later.entry.ID <= e.ID || later.entry.Status != ledger.Done {
			continue
		}
		c := common(later.record.Changes, r.Changes) // files are made anew of what is in force
		if c == "" {
			continue
		}
		if here, err := t.Machine.Space(r.Changes[0].NetNS); err == nil && !later.record.stillThere(later.record.Spaces[0], here) {
			continue // of a namespace that has ended
		}
		return fmt.Errorf("%w: entry %d changed %s", ErrLater, later.entry.ID, c)
	}
	return nil
}

type entryRecord struct {
	entry  *ledger.Entry
	record *Record
}

// entries are this package's, oldest first.
func (t *Tuner) entries() (all []entryRecord, damaged []error) {
	list, damaged := t.Ledger.Entries()
	for i := range list {
		if list[i].Kind != Kind {
			continue
		}
		r, err := recordOf(&list[i])
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all = append(all, entryRecord{&list[i], r})
	}
	return all, damaged
}
