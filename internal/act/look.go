package act

import "errors"

// Errors that say why a process which was asked to end still runs.
var (
	// ErrStopped is of one that was stopped: SIGTERM waits until SIGCONT.
	ErrStopped = errors.New("it is stopped, and SIGTERM waits until it goes on")
	// ErrTraced is of one that a debugger holds: SIGTERM waits for that.
	ErrTraced = errors.New("a debugger holds it, and SIGTERM waits until that lets it go on")
)

// Look is what a number of /proc stands for. What cannot be told is zero.
type Look struct {
	Leader int32 // the process that the number, a thread's or its own, belongs to
	Over   bool  // it has ended, and waits for its parent to take note of it
	Shut   bool  // its descriptors may not be looked at
}
