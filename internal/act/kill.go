package act

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/ledger"
)

// Errors of a process that is not the one that was shown.
var (
	errNoProcess = errors.New("no such process")
	errReplaced  = errors.New("its number belongs to another process by now")
	errThread    = errors.New("this is the number of a thread, not of a process")
)

// Killer ends processes. Its zero value but for the ledger is ready; it is for one
// goroutine.
type Killer struct {
	Ledger *ledger.Ledger
	Notice func(line string) // takes down what is done; nil: nobody does
	Grace  time.Duration     // between asking a process to end and what comes next
	Force  bool              // what comes next is SIGKILL
}

// afterKill is how long the kernel may take to clean up behind SIGKILL; longer
// takes only who is held by a disk or a server that does not answer.
const afterKill = 5 * time.Second

// Kill asks the processes to end (SIGTERM), all at once, waits for them, and with
// Force kills those that have not; a result each, in their order, and the number
// of its entry. Each is the one that started when it says (StartTicks), or is left
// alone. asked is what was typed, for the record. Without results nothing was
// touched. With results the error says that the waiting was cut short (ctx), or
// that the record of the end could not be written.
func (k *Killer) Kill(ctx context.Context, asked string, list []*host.Process) (entry uint64, results []Result, err error) {
	body := k.record(asked, list)
	e, err := begin(ctx, k.Ledger, KindKill, body)
	if err != nil {
		return 0, nil, err
	}
	results = make([]Result, len(list))
	held := make([]*process, len(list)) // each tied to its process, not to a number
	defer func() {
		for _, p := range held {
			if p != nil {
				p.close()
			}
		}
	}()
	for i, p := range list {
		notice(k.Notice, "entry %d: SIGTERM to process %d (%s), asked for by %s", e.ID, p.PID, p.Name, e.By)
		held[i], err = openProcess(p.PID, p.StartTicks)
		if err == nil {
			err = held[i].terminate()
		}
		results[i] = resultOf(err)
	}
	sent := stillRunning(results)
	err = await(ctx, held, results, Ended, k.Grace)
	if k.Force && err == nil && stillRunning(results) {
		for i, p := range list {
			if results[i].Outcome == Running {
				notice(k.Notice, "entry %d: SIGKILL to process %d (%s)", e.ID, p.PID, p.Name)
				results[i] = resultOf(held[i].kill())
				if results[i].Outcome == Gone { // in this very moment, by the first signal
					results[i].Outcome = Ended
				}
			}
		}
		err = await(ctx, held, results, Killed, afterKill)
	}
	for i := range results {
		if results[i].Outcome == Running {
			results[i].Err = held[i].held()
		}
	}
	body.end(results)
	status := ledger.Failed
	if sent { // who got SIGTERM may end by it any time later
		status = ledger.Done
	}
	notice(k.Notice, "entry %d: %s", e.ID, body.Totals)
	return e.ID, results, errors.Join(err, k.Ledger.Update(e, status, body))
}

// resultOf is what a signal came to; Running until it shows.
func resultOf(err error) Result {
	switch {
	case err == nil:
		return Result{Running, nil}
	case errors.Is(err, errNoProcess):
		return Result{Gone, nil}
	case errors.Is(err, errReplaced):
		return Result{Replaced, err}
	}
	return Result{Refused, err}
}

func stillRunning(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.Outcome == Running })
}

func (k *Killer) record(asked string, list []*host.Process) *KillRecord {
	r := &KillRecord{Asked: brief(asked, longestAsked), Force: k.Force, Grace: k.Grace.Seconds(), Processes: []ProcessRecord{}}
	for _, p := range list[:min(len(list), maxRecorded)] {
		r.Processes = append(r.Processes, ProcessRecord{
			PID: p.PID, StartTicks: p.StartTicks, Process: brief(p.Name, longestName), Exe: brief(p.Exe, longestError), Unit: brief(p.Unit, longestError),
		})
	}
	r.LeftOut = len(list) - len(r.Processes)
	return r
}

// notPermitted says whose permission is lacking.
func notPermitted(err error) error { return fmt.Errorf("%w: %w", ErrNotPermitted, err) }
