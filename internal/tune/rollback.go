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
	Setting string
	NetNS   uint64
	Now     string // what it is
	Was     string // what it was before Sockeye
	Ours    string // what Sockeye made of it
}

// Undone tells what a rollback came to.
type Undone struct {
	Entry    uint64
	Restored []Change // what was put back, From is in force again
	Drifted  []Drift
	Gone     []Change // their namespace has ended, or the machine was restarted
}

// ErrLater says that a later entry changed the same setting, so that it must be
// undone first.
var ErrLater = errors.New("a later entry changed the same setting")

// Rollback restores what was before an entry, its part of the drop-in included.
func (t *Tuner) Rollback(ctx context.Context, id uint64) (*Undone, error) {
	unlock, err := t.Ledger.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := t.recover(ctx); err != nil {
		return nil, err
	}
	e, err := t.Ledger.Entry(id)
	if err != nil {
		return nil, err
	}
	r, err := recordOf(e)
	if err != nil {
		return nil, err
	}
	if e.Status != ledger.Done {
		return nil, fmt.Errorf("entry %d is %s: there is nothing to undo", id, e.Status)
	}
	if err := t.nothingLater(e, r); err != nil {
		return nil, err
	}
	return t.rollBack(e, r)
}

// RollbackAll undoes every entry in force, the newest first.
func (t *Tuner) RollbackAll(ctx context.Context) ([]*Undone, error) {
	unlock, err := t.Ledger.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out, err := t.recover(ctx)
	if err != nil {
		return out, err
	}
	all, damaged := t.entries()
	for _, a := range slices.Backward(all) {
		if a.entry.Status != ledger.Done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		u, err := t.rollBack(a.entry, a.record)
		if err != nil {
			return out, err
		}
		out = append(out, u)
	}
	return out, errors.Join(damaged...)
}

func (t *Tuner) rollBack(e *ledger.Entry, r *Record) (*Undone, error) {
	u, err := t.undo(r, drifted)
	if err != nil {
		return u, err
	}
	u.Entry = e.ID
	return u, t.close(e, ledger.RolledBack, r)
}

// recover undoes what a process left half done when it ended: entries that only
// began. The caller holds the lock, so that none of them is still at work.
func (t *Tuner) recover(ctx context.Context) ([]*Undone, error) {
	all, _ := t.entries() // what is damaged cannot be undone, and Status tells of it
	var out []*Undone
	for _, a := range slices.Backward(all) {
		if a.entry.Status != ledger.Begun {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		a.record.Why = "it was interrupted"
		u, err := t.undo(a.record, drifted) // much may have happened since
		if err != nil {
			return out, fmt.Errorf("entry %d was interrupted, and cannot be undone: %w", a.entry.ID, err)
		}
		u.Entry = a.entry.ID
		out = append(out, u)
		if err := t.close(a.entry, ledger.Failed, a.record); err != nil {
			return out, err
		}
	}
	// Between an entry's end and the file there may have been a crash as well.
	if t.DropIn != nil {
		if err := t.rewrite(); err != nil && !errors.Is(err, ErrForeignFile) {
			return out, err
		}
	}
	return out, nil
}

// Recover is what each change begins with, for those who only want to look.
func (t *Tuner) Recover(ctx context.Context) ([]*Undone, error) {
	unlock, err := t.Ledger.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return t.recover(ctx)
}

// What a value that is neither the old nor the new one means.
const (
	drifted = false // somebody else's: leave it
	clamped = true  // the kernel's own version of ours, which was just written
)

// undo restores the values of a record, the last one first.
func (t *Tuner) undo(r *Record, oursAnyway bool) (*Undone, error) {
	u := &Undone{}
	for _, c := range slices.Backward(r.Changes) {
		was := r.space(c.NetNS)
		here, err := t.Machine.Space(c.NetNS)
		switch {
		case errors.Is(err, ErrGone), err == nil && !r.stillThere(was, here):
			u.Gone = append(u.Gone, c)
			continue
		case err != nil:
			return u, err
		}
		now, err := t.Machine.Get(c.NetNS, c.Setting)
		if err != nil {
			return u, err
		}
		switch {
		case same(c.Setting, now, c.From):
			continue
		case !same(c.Setting, now, c.To) && !oursAnyway:
			u.Drifted = append(u.Drifted, Drift{c.Setting, c.NetNS, now, c.From, c.To})
			continue
		}
		t.step("restore " + c.Setting)
		if err := t.put(c.NetNS, c.Setting, c.From); err != nil {
			return u, err
		}
		u.Restored = append(u.Restored, c)
	}
	return u, nil
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
		for _, c := range later.record.Changes {
			if slices.ContainsFunc(r.Changes, func(o Change) bool { return o.Setting == c.Setting && o.NetNS == c.NetNS }) {
				return fmt.Errorf("%w: entry %d changed %s", ErrLater, later.entry.ID, c.Setting)
			}
		}
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
