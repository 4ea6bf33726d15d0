package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/windows"
)

// ErrOnlyByForce says that Windows has nothing like SIGTERM: what asks a program to
// end is a window's message or a key of its own console, and a service's is its
// manager's. TerminateProcess asks nobody.
var ErrOnlyByForce = errors.New("windows can end the process of another at once only, which takes force")

// process is a program that runs, by a handle which Windows ties to it and not to its
// number: that is not given to another one while the handle is open.
type process struct{ handle windows.Handle }

// openProcess opens the process of that number that started then, as a FILETIME
// (100 ns after the year 1601). From here on it is this one or none.
func openProcess(pid int32, start uint64) (*process, error) {
	h, err := open(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.PROCESS_TERMINATE|windows.SYNCHRONIZE)
	if err != nil {
		return nil, err
	}
	began, err := startOf(h)
	if err == nil && began != start {
		err = errReplaced
	}
	if err != nil {
		_ = windows.CloseHandle(h)
		return nil, err
	}
	return &process{h}, nil
}

// open opens a process by its very number: Windows takes the three numbers behind it
// for the same one, as it does not look at the last two bits.
func open(pid int32, access uint32) (windows.Handle, error) {
	h, err := windows.OpenProcess(access, false, uint32(pid))
	switch {
	case errors.Is(err, windows.ERROR_INVALID_PARAMETER):
		return 0, errNoProcess
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return 0, notPermitted(err)
	case err != nil:
		return 0, err
	}
	if id, err := windows.GetProcessId(h); err != nil || id != uint32(pid) {
		_ = windows.CloseHandle(h)
		return 0, errNoProcess
	}
	return h, nil
}

func startOf(h windows.Handle) (uint64, error) {
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &began, &ended, &kernel, &user); err != nil {
		return 0, err
	}
	return uint64(began.HighDateTime)<<32 | uint64(began.LowDateTime), nil
}

// over reports a process that has ended.
func over(h windows.Handle) bool {
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

func (p *process) close() { _ = windows.CloseHandle(p.handle) }

// held is nil: nothing that a process does keeps TerminateProcess from it.
func (p *process) held() error { return nil }

func (p *process) terminate() error { return ErrOnlyByForce }

// kill ends the process; errNoProcess when it has ended by itself. 1 is the exit code
// that others see.
func (p *process) kill() error {
	if over(p.handle) { // and somebody's handle keeps it in the table
		return errNoProcess
	}
	err := windows.TerminateProcess(p.handle, 1)
	switch {
	case err == nil:
		return nil
	case over(p.handle): // in this very moment
		return errNoProcess
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return notPermitted(err)
	}
	return fmt.Errorf("TerminateProcess: %w", err)
}

// longestWait keeps the milliseconds of a wait within 32 bits, of which all ones
// mean for ever.
const longestWait = time.Hour

// await waits until those that are Running have ended, each then gets the outcome
// given; or until patience or ctx ends. All of them must end, so that it waits for
// one after the other.
func await(ctx context.Context, held []*process, results []Result, outcome Outcome, patience time.Duration) error {
	wake, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return fmt.Errorf("CreateEvent: %w", err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = windows.SetEvent(wake)
	})
	defer func() {
		if !stop() {
			<-woken // the event must not be closed under it
		}
		_ = windows.CloseHandle(wake)
	}()
	deadline := time.Now().Add(patience)
	for i := range results {
		for results[i].Outcome == Running {
			left := time.Until(deadline)
			wait := min(max(0, left+time.Millisecond-1), longestWait) / time.Millisecond
			event, err := windows.WaitForMultipleObjects([]windows.Handle{held[i].handle, wake}, false, uint32(wait))
			switch {
			case err != nil:
				return fmt.Errorf("WaitForMultipleObjects: %w", err)
			case event == windows.WAIT_OBJECT_0:
				results[i].Outcome = outcome
			case ctx.Err() != nil:
				return ctx.Err()
			}
			if left <= 0 {
				break
			}
		}
	}
	return nil
}
