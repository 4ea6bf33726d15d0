package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sockeye/internal/ledger"
)

// Tuner changes a machine and keeps the record. It is for one goroutine.
type Tuner struct {
	Machine Machine
	Ledger  *ledger.Ledger
	DropIn  *DropIn // nil: nothing is persisted
	// Step is told before each step that changes anything, by name: tests end there.
	// Nil: nobody asks.
	Step func(name string)
}

func (t *Tuner) step(name string) {
	if t.Step != nil {
		t.Step(name)
	}
}

// Apply makes the changes of a plan, all of them or none. It refuses with
// ErrChanged when a value is not what the plan was made for. After an error
// nothing of it is in force; where even that could not be brought about, the
// error says what is left. What an earlier run left half done is undone first.
func (t *Tuner) Apply(ctx context.Context, changes []Change, persist bool) (*ledger.Entry, error) {
	unlock, err := t.Ledger.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := t.recover(ctx); err != nil {
		return nil, err
	}
	r := &Record{Changes: slices.Clone(changes), Persist: persist}
	if err := t.look(r); err != nil {
		return nil, err
	}
	if persist {
		if err := t.persistable(r); err != nil {
			return nil, err
		}
	}
	t.step("begin")
	e, err := t.Ledger.Begin(Kind, r)
	if err != nil {
		return nil, err
	}
	if err := t.force(ctx, r); err != nil {
		return nil, t.giveUp(e, r, err)
	}
	t.step("done")
	if err := t.Ledger.Update(e, ledger.Done, r); err != nil {
		return nil, t.giveUp(e, r, err)
	}
	if persist {
		t.step("persist")
		if err := t.rewrite(); err != nil {
			return nil, t.giveUp(e, r, err)
		}
	}
	return e, nil
}

// Persistable says why changes cannot be kept over a restart, nil where they can.
// It changes nothing.
func (t *Tuner) Persistable(changes []Change) error {
	r := &Record{Changes: slices.Clone(changes), Persist: true}
	if err := t.look(r); err != nil {
		return err
	}
	return t.persistable(r)
}

// look fills in what the changes stand on now, and compares it with the plan.
func (t *Tuner) look(r *Record) error {
	if len(r.Changes) == 0 {
		return errors.New("the plan has no changes")
	}
	for i, c := range r.Changes {
		if err := c.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Changes[:i], func(o Change) bool { return o.Setting == c.Setting && o.NetNS == c.NetNS }) {
			return fmt.Errorf("the plan changes %s twice", c.Setting)
		}
		if !slices.ContainsFunc(r.Spaces, func(s Space) bool { return s.NetNS == c.NetNS }) {
			s, err := t.Machine.Space(c.NetNS)
			if err != nil {
				return err
			}
			r.Spaces = append(r.Spaces, s)
		}
		now, err := t.Machine.Get(c.NetNS, c.Setting)
		if err != nil {
			return err
		}
		if !same(c.Setting, now, c.From) {
			return fmt.Errorf("%s is %s, not %s: %w", c.Setting, now, c.From, ErrChanged)
		}
		r.Changes[i].From = now
	}
	return nil
}

// force writes the values, and reads each back.
func (t *Tuner) force(ctx context.Context, r *Record) error {
	for _, c := range r.Changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.step("set " + c.Setting)
		if err := t.put(c.NetNS, c.Setting, c.To); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tuner) put(netns uint64, name, value string) error {
	if err := t.Machine.Set(netns, name, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	now, err := t.Machine.Get(netns, name)
	if err != nil {
		return err
	}
	if !same(name, now, value) {
		return fmt.Errorf("%s: %w: wrote %s, it is %s", name, ErrNotTaken, value, now)
	}
	return nil
}

// giveUp undoes what was forced, and returns why with what could not be undone.
func (t *Tuner) giveUp(e *ledger.Entry, r *Record, why error) error {
	r.Why = why.Error()
	_, err := t.undo(r, clamped)
	if e := t.close(e, ledger.Failed, r); err == nil {
		err = e
	}
	if err != nil {
		return errors.Join(why, fmt.Errorf("and it could not be undone: %w", err))
	}
	return why
}

// close ends an entry, and lets the drop-in follow.
func (t *Tuner) close(e *ledger.Entry, status ledger.Status, r *Record) error {
	t.step("close")
	if err := t.Ledger.Update(e, status, r); err != nil {
		return err
	}
	if !r.Persist {
		return nil
	}
	t.step("unpersist")
	return t.rewrite()
}
