package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sockeye/internal/ledger"
	"sockeye/internal/tcp"
)

// Outcome is what became of a socket or a process.
type Outcome string

// Outcomes, of sockets and then of processes.
const (
	Destroyed  Outcome = "destroyed"
	Gone       Outcome = "gone"        // there was nothing left to end
	Refused    Outcome = "refused"     // the kernel said no
	StillThere Outcome = "still-there" // the kernel said yes, and there it is
	Untried    Outcome = "untried"     // interrupted before its turn

	Ended    Outcome = "ended"    // by SIGTERM
	Killed   Outcome = "killed"   // by SIGKILL
	Running  Outcome = "running"  // it has not ended within the grace
	Replaced Outcome = "replaced" // its number is another process's by now: not touched
)

// Target is a socket that is to be destroyed, as it was shown.
type Target struct {
	Socket  tcp.Socket
	Process string // name of its first holder, for the record
}

// Result is what became of one target. Err is the system's reason where there is one.
type Result struct {
	Outcome Outcome
	Err     error
}

// destroyer destroys sockets of one network namespace.
type destroyer interface {
	// destroy ends the socket if it is still the one with its cookie; errNoSocket
	// when it is not.
	destroy(s *tcp.Socket) error
	// alive looks the cookie up.
	alive(s *tcp.Socket) (bool, error)
	close()
}

// errNoSocket says that no socket has that cookie between these ends.
var errNoSocket = errors.New("no such socket")

// Closer destroys sockets. Its zero value but for the ledger is ready; it is for
// one goroutine.
type Closer struct {
	Ledger *ledger.Ledger
	Notice func(line string) // takes down what is done; nil: nobody does
	Pace   time.Duration     // from one to the next; 0: as fast as the kernel can

	open func(netns uint64) (destroyer, error) // nil: the kernel
}

// Close destroys the targets one by one; a result each, in their order, and the
// number of its entry. asked is what was typed, for the record. Without results
// nothing was touched. With results the error says that the rest is untried (ctx,
// or a record that cannot be written), or that the end could not be written.
func (c *Closer) Close(ctx context.Context, asked string, targets []Target) (entry uint64, results []Result, err error) {
	body := closeRecord(asked, targets)
	e, err := begin(ctx, c.Ledger, KindClose, body)
	if err != nil {
		return 0, nil, err
	}
	notice(c.Notice, "entry %d: closing %d sockets (%s), asked for by %s", e.ID, len(targets), body.Asked, e.By)
	results = make([]Result, len(targets))
	for i := range results {
		results[i].Outcome = Untried
	}
	err = c.each(ctx, targets, results, func(tried int) error {
		body.sofar(results[:tried])
		return c.Ledger.Update(e, ledger.Begun, body)
	})
	body.sofar(results)
	status := ledger.Done
	if body.Totals[Destroyed] == 0 && body.Totals[StillThere] == 0 {
		status = ledger.Failed
	}
	notice(c.Notice, "entry %d: %s", e.ID, body.Totals)
	if end := c.Ledger.Update(e, status, body); err == nil || end != nil && end.Error() != err.Error() { // the full disk is told once
		err = errors.Join(err, end)
	}
	return e.ID, results, err
}

// What is done reaches the record after so many sockets of those that it lists, or
// after so long: a process that is killed tells nothing more.
const (
	recordEvery = 50
	recordAfter = time.Second
)

// each takes the targets in turn; save keeps what became of those that were tried.
func (c *Closer) each(ctx context.Context, targets []Target, results []Result, save func(tried int) error) error {
	open := c.open
	if open == nil {
		open = openDestroyer
	}
	inside := map[uint64]destroyer{}
	defer func() {
		for _, d := range inside {
			d.close()
		}
	}()
	failed := map[uint64]error{}
	one := func(s *tcp.Socket) Result {
		if why := Possible(s); why != NoReason { // a bare four-tuple may be anybody's by now
			return Result{Refused, fmt.Errorf("%w: %s", ErrCannot, why)}
		}
		d, err := inside[s.NetNS], failed[s.NetNS]
		if d == nil && err == nil {
			if d, err = open(s.NetNS); err != nil {
				failed[s.NetNS] = err
			} else {
				inside[s.NetNS] = d
			}
		}
		if err != nil { // even where the namespace is not found: a thread that hides may live in it
			return Result{Refused, err}
		}
		return destroyOne(d, s)
	}
	saved, savedAt := 0, time.Now()
	for i := range targets {
		if err := pause(ctx, c.Pace, i > 0); err != nil {
			return err
		}
		results[i] = one(&targets[i].Socket)
		many := i < maxRecorded && i+1-saved >= recordEvery
		if i+1 == len(targets) || !many && time.Since(savedAt)+c.Pace < recordAfter {
			continue // the end of all writes it anyway
		}
		if err := save(i + 1); err != nil { // nothing is done without a record
			return err
		}
		saved, savedAt = i+1, time.Now()
	}
	return nil
}

// destroyOne destroys a socket and looks afterwards whether that is true.
func destroyOne(d destroyer, s *tcp.Socket) Result {
	err := d.destroy(s)
	if err != nil && !errors.Is(err, errNoSocket) {
		return Result{Refused, err}
	}
	outcome := Destroyed
	if err != nil {
		outcome = Gone
	}
	switch alive, err := d.alive(s); {
	case err != nil:
		return Result{outcome, fmt.Errorf("the kernel says so, and could not be asked again: %w", err)}
	case alive:
		return Result{StillThere, nil}
	}
	return Result{outcome, nil}
}

// pause keeps the pace, and ends early when ctx does.
func pause(ctx context.Context, pace time.Duration, wait bool) error {
	if err := ctx.Err(); err != nil || !wait || pace <= 0 {
		return err
	}
	timer := time.NewTimer(pace)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
