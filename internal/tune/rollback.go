package tune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sockeye/internal/ledger"
)

// Errors of taking something back.
var (
	// ErrNoEntry is a number that the ledger does not have.
	ErrNoEntry = errors.New("there is no such entry")
	// ErrNotInForce is an entry that was undone already, or failed.
	ErrNotInForce = errors.New("there is nothing to undo")
	// ErrLater says that a later entry changed the same setting, so that it must be
	// undone first.
	ErrLater = errors.New("a later entry changed the same setting")
	// ErrNotNoted says that the values are what they were before, and that the ledger
	// could not be told: a later run finds nothing more to do, and tells it.
	ErrNotNoted = errors.New("everything is as it was before, but that could not be written down")
)

// Rollback restores what was before an entry, its part of the drop-ins included.
// ended is the code of why, "" when a person asked for it. Nil without an error says
// that it was told to Recovered already: an earlier run had left it half done.
func (t *Tuner) Rollback(ctx context.Context, id uint64, ended string) (*Undone, error) {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	recovered, _ := t.recover(ctx) // what else cannot be undone there need not be in the way here
	if i := slices.IndexFunc(recovered, func(u *Undone) bool { return u.Entry == id }); i >= 0 {
		return nil, recovered[i].Err
	}
	e, err := t.Ledger.Entry(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%d: %w", id, ErrNoEntry)
	}
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
	return t.rollBack(e, r, ended)
}

// RollbackAll undoes every entry in force, the newest first; what an earlier run had
// left half done is told to Recovered and is not in the list. One that cannot be undone
// keeps only older ones that changed the same settings.
func (t *Tuner) RollbackAll(ctx context.Context) (out []*Undone, err error) {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, err = t.recover(ctx)
	all, damaged := t.entries()
	errs := append(damaged, err)
	for _, a := range slices.Backward(all) {
		if a.entry.Status != ledger.Done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, errors.Join(append(errs, err)...)
		}
		u, err := t.rollBack(a.entry, a.record, "")
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %d: %w", a.entry.ID, err))
		}
		if u != nil {
			out = append(out, u)
		}
	}
	return out, errors.Join(errs...)
}

// rollBack says in the ledger that it undoes before it does: who is killed in between
// is finished by the next run. A ledger that takes nothing more, on a full disk say, is
// no reason not to undo: the entry tells all that it takes, and undoing twice is
// undoing once. Without what it came to, nothing was touched.
func (t *Tuner) rollBack(e *ledger.Entry, r *Record, ended string) (*Undone, error) {
	if r.Persist && t.DropIn != nil {
		if err := t.DropIn.readable(r); err != nil { // somebody's: nothing is touched
			return nil, err
		}
	}
	if err := t.nothingLater(e, r); err != nil {
		return nil, err
	}
	r.Ended = ended
	t.step("undoing")
	_ = t.Ledger.Update(e, ledger.Undoing, r)
	u := t.undo(r, r.Changes, none)
	u.Entry = e.ID
	r.Drifted = u.Drifted
	if u.Err == nil {
		u.Err = t.close(e, ledger.RolledBack, r)
	}
	return u, u.Err
}

// recover finishes what a process left half done when it ended: what it was writing,
// what it was taking back, and what it was still proving. The caller holds the lock, so
// that nobody is at the first two. An entry that cannot be undone now stays open, and
// its error is returned with those of the others.
func (t *Tuner) recover(ctx context.Context) (out []*Undone, err error) {
	if t.DropIn != nil {
		t.DropIn.sweep()
	}
	all, _ := t.entries() // what is damaged cannot be undone, and Status tells of it
	var errs []error
	for _, a := range slices.Backward(all) {
		if !a.halfDone() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		u, err := t.finish(a)
		if err != nil {
			err = fmt.Errorf("entry %d was interrupted: %w", a.entry.ID, err)
			errs = append(errs, err)
		}
		if u == nil {
			u = &Undone{Entry: a.entry.ID, Err: err}
		}
		out = append(out, u)
		if t.Recovered != nil {
			t.Recovered(u)
		}
	}
	return out, errors.Join(errs...)
}

// halfDone reports whether an entry waits for somebody to finish it.
func (a *entryRecord) halfDone() bool {
	switch a.entry.Status {
	case ledger.Begun, ledger.Undoing:
		return true
	case ledger.Done: // who proves holds no lock
		return a.record.Proving && a.entry.Abandoned()
	}
	return false
}

func (t *Tuner) finish(a entryRecord) (*Undone, error) {
	if a.entry.Status == ledger.Done {
		return t.rollBack(a.entry, a.record, "interrupted")
	}
	changes, torn, to := a.record.Changes, none, ledger.RolledBack
	if a.entry.Status == ledger.Begun {
		a.record.Ended, to = "interrupted", ledger.Failed
		torn = min(a.record.Tried, len(changes)) - 1
		changes = changes[:torn+1]
	}
	u := t.undo(a.record, changes, torn)
	u.Entry = a.entry.ID
	if u.Err == nil {
		u.Err = t.close(a.entry, to, a.record)
	}
	return u, u.Err
}

// recoverFor is recover before changes: what could not be undone keeps them only
// where it is about the same settings.
func (t *Tuner) recoverFor(ctx context.Context, r *Record) error {
	_, err := t.recover(ctx)
	if err == nil {
		return nil
	}
	all, _ := t.entries()
	for _, a := range all {
		if a.halfDone() {
			if c := common(a.record, r); c != nil {
				return fmt.Errorf("%s: %w", c.Setting, err)
			}
		}
	}
	return nil
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

// common is a change of a that b makes as well, nil where there is none.
func common(a, b *Record) *Change {
	for i := range a.Changes {
		c := &a.Changes[i]
		if slices.ContainsFunc(b.Changes, func(o Change) bool {
			return o.Setting == c.Setting && a.space(c.NetNS).is(b.space(o.NetNS))
		}) {
			return c
		}
	}
	return nil
}

// is reports whether two looks were into one namespace. That of the machine has
// another number after each start.
func (s Space) is(o Space) bool {
	return s.Host && o.Host || s.Boot == o.Boot && s.NetNS == o.NetNS && s.Cookie == o.Cookie
}

// nothingLater makes sure that no later entry that is not at its end changed the same
// settings. Files are made anew of what is in force, in any order.
func (t *Tuner) nothingLater(e *ledger.Entry, r *Record) error {
	all, _ := t.entries()
	for _, later := range all {
		if later.entry.ID <= e.ID || !later.holds() {
			continue
		}
		c := common(r, later.record)
		if c == nil {
			continue
		}
		if _, gone, err := t.locate(r, c.NetNS); err == nil && gone != "" {
			continue // of a namespace that has ended
		}
		return fmt.Errorf("%w: entry %d changed %s", ErrLater, later.entry.ID, c.Setting)
	}
	return nil
}

// holds reports whether something of an entry may be in force.
func (a *entryRecord) holds() bool {
	return a.entry.Status == ledger.Done || a.entry.Status == ledger.Begun || a.entry.Status == ledger.Undoing
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
