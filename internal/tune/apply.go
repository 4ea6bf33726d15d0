package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sockeye/internal/ledger"
)

// Tuner changes a machine and keeps the record. It is for one goroutine.
type Tuner struct {
	Machine Machine
	Ledger  *ledger.Ledger
	DropIn  *DropIn // nil: nothing is persisted
	// Recovered is told what an earlier run had left half done, and what became of
	// it. Nil: nobody asks.
	Recovered func(*Undone)
	// Step is told before each step that changes anything, by name: tests end there.
	// Nil: nobody asks.
	Step func(name string)
}

// ErrNotUndone says that something is left of a change that failed. Its entry stays
// open: every later run tries again to undo it.
var ErrNotUndone = errors.New("it could not be undone")

// patience is how long another process may hold the lock: long enough for what it
// writes, not for a person who thinks about a question.
const patience = 3 * time.Second

func (t *Tuner) step(name string) {
	if t.Step != nil {
		t.Step(name)
	}
}

// Apply makes the changes of a plan in the namespaces that it was made for (see
// Spaces), all of them or none. Limits of units are files, so that they take
// Options.Persist. It refuses with ErrChanged when a value is not what
// the plan was made for, and with ErrGone when a namespace is another by now. After
// an error nothing of it is in force, or the error is ErrNotUndone as well. What an
// earlier run left half done is undone first.
func (t *Tuner) Apply(ctx context.Context, changes []Change, spaces []Space, o Options) (*ledger.Entry, error) {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r := recordFor(changes, spaces, o)
	if err := t.look(r); err != nil && !errors.Is(err, ErrChanged) { // what is half done may have changed it
		return nil, err
	}
	if err := t.recoverFor(ctx, r); err != nil {
		return nil, err
	}
	if err := t.look(r); err != nil {
		return nil, err
	}
	if o.Persist {
		if err := t.persistable(r); err != nil {
			return nil, err
		}
	}
	t.step("begin")
	e, err := t.Ledger.Begin(Kind, r)
	if err != nil {
		return nil, err
	}
	if written, err := t.force(ctx, e, r); err != nil {
		return nil, t.giveUp(e, r, written, err)
	}
	if o.Persist { // before the entry counts, so that what failed is never kept
		t.step("persist")
		if err := t.keep(r, e.ID); err != nil {
			return nil, t.giveUp(e, r, len(r.Changes), err)
		}
	}
	t.step("done")
	if err := t.Ledger.Update(e, ledger.Done, r); err != nil {
		return nil, t.giveUp(e, r, len(r.Changes), err)
	}
	return e, nil
}

// Options say what becomes of changes once they are made.
type Options struct {
	Persist bool // files keep them over a restart
	Prove   bool // they are watched until Proven or Rollback: if that never comes, the next run takes them back
}

func recordFor(changes []Change, spaces []Space, o Options) *Record {
	r := &Record{Spaces: spaces, Persist: o.Persist, Proving: o.Prove}
	for _, c := range changes {
		if c.Kind == Systemd {
			r.Units = append(r.Units, c)
		} else {
			r.Changes = append(r.Changes, c)
		}
	}
	return r
}

// Spaces tells the namespaces of changes from others that have their numbers later.
func Spaces(m Machine, changes []Change) (all []Space, err error) {
	for _, c := range changes {
		if c.Kind != "" { // a file of the machine's
			continue
		}
		if slices.ContainsFunc(all, func(s Space) bool { return s.NetNS == c.NetNS }) {
			continue
		}
		s, err := m.Space(c.NetNS)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Persistable says why changes cannot be kept over a restart, nil where they can.
// It changes nothing.
func (t *Tuner) Persistable(changes []Change, spaces []Space) error {
	r := recordFor(changes, spaces, Options{Persist: true})
	if err := t.look(r); err != nil {
		return err
	}
	return t.persistable(r)
}

// look fills in what the changes stand on now, and compares it with the plan.
func (t *Tuner) look(r *Record) error {
	switch {
	case !r.about():
		return errors.New("the plan has no changes")
	case len(r.Units) > 0 && !r.Persist:
		return fmt.Errorf("%s of %s is a file: %w", limitNOFILE, r.Units[0].Values.Unit, ErrNotKept)
	}
	for i, c := range r.Units {
		if err := c.checkUnit(); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Units[:i], func(o Change) bool { return o.Values.Unit == c.Values.Unit }) {
			return fmt.Errorf("the plan changes %s of %s twice", limitNOFILE, c.Values.Unit)
		}
	}
	for i, c := range r.Changes {
		if err := c.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Changes[:i], func(o Change) bool { return o.Setting == c.Setting && o.NetNS == c.NetNS }) {
			return fmt.Errorf("the plan changes %s twice", c.Setting)
		}
		if !slices.ContainsFunc(r.Spaces, func(s Space) bool { return s.NetNS == c.NetNS }) {
			return fmt.Errorf("%w: %d", ErrGone, c.NetNS)
		}
		now, err := t.unchanged(r, c)
		if err != nil {
			return err
		}
		r.Changes[i].From, r.Changes[i].Took = now, ""
	}
	return nil
}

// unchanged reads a setting that must be what the plan was made for.
func (t *Tuner) unchanged(r *Record, c Change) (now string, err error) {
	now, err = t.Machine.Get(r.space(c.NetNS), c.Setting)
	if err == nil && !same(c.Setting, now, c.From) {
		err = fmt.Errorf("%s is %s, not %s: %w", c.Setting, now, c.From, ErrChanged)
	}
	return now, err
}

// force writes the values, and reads each back; written is how many it wrote, or tried
// to. That it is about to stands in the entry each time.
func (t *Tuner) force(ctx context.Context, e *ledger.Entry, r *Record) (written int, err error) {
	for i, c := range r.Changes {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if _, err := t.unchanged(r, c); err != nil { // by somebody else, since look
			return i, err
		}
		t.step("note " + c.Setting)
		r.Tried = i + 1
		if err := t.Ledger.Update(e, ledger.Begun, r); err != nil {
			return i, err
		}
		t.step("set " + c.Setting)
		now, err := t.put(r.space(c.NetNS), c.Setting, c.To)
		if errors.Is(err, ErrNotTaken) {
			r.Changes[i].Took = now
		}
		if err != nil {
			return i + 1, err
		}
	}
	return len(r.Changes), nil
}

// put writes a value and reads it back.
func (t *Tuner) put(s Space, name, value string) (now string, err error) {
	if err := t.Machine.Set(s, name, value); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	t.step("read " + name)
	if now, err = t.Machine.Get(s, name); err != nil {
		return now, err
	}
	if !same(name, now, value) {
		return now, fmt.Errorf("%s: %w: wrote %s, it is %s", name, ErrNotTaken, value, now)
	}
	return now, nil
}

// giveUp undoes what was written, and returns why with what could not be undone.
func (t *Tuner) giveUp(e *ledger.Entry, r *Record, written int, why error) error {
	r.Why = why.Error()
	u := t.undo(r, r.Changes[:written], written-1)
	if u.Err == nil {
		u.Err = t.close(e, ledger.Failed, r)
	}
	return errors.Join(why, u.Err)
}

// close lets the files follow, and ends an entry: else ErrNotUndone, where a file still
// has it, or ErrNotNoted.
func (t *Tuner) close(e *ledger.Entry, status ledger.Status, r *Record) error {
	if r.Persist {
		t.step("unpersist")
		if err := t.forget(r, e.ID); err != nil {
			return fmt.Errorf("%w: %w", ErrNotUndone, err)
		}
	}
	t.step("close")
	if err := t.Ledger.Update(e, status, r); err != nil {
		return fmt.Errorf("%w: %w", ErrNotNoted, err)
	}
	return nil
}
