// Package act ends connections and processes, and hits only what was shown.
//
// In: sockets and processes as a Snapshot had them: a socket by its cookie and both
// ends, a process by its number and the time it started. Out: what became of each,
// looked up again afterwards. A Guard says what must not be hit by accident, and
// the ledger has an entry of it before anything is touched.
package act

import "errors"

// Errors that callers tell apart.
var (
	// ErrNotSupported is of systems where nothing has been tried.
	ErrNotSupported = errors.New("ending connections and processes is not supported on this system yet")
	// ErrNotPermitted says that the kernel lets only another user do it.
	ErrNotPermitted = errors.New("not permitted")
	// ErrCannot says that this kernel has no such call.
	ErrCannot = errors.New("this kernel cannot do it")
	// ErrElsewhere says that /proc counts processes of another pid namespace, so
	// that its numbers are those of other processes here.
	ErrElsewhere = errors.New("/proc belongs to another pid namespace than this process")
	// ErrNoLog says that no logging service is part of this system.
	ErrNoLog = errors.New("this system has no logging service")
)

// Why is a reason to spare something; its words are in knowledge, "act.why.WHY".
type Why string

// What is protected, and what cannot be hit.
const (
	NoReason   Why = ""
	Own        Why = "own"      // of this very process
	Ancestor   Why = "ancestor" // of one that this process was started from
	Session    Why = "session"  // the SSH connection that this is typed over
	Screen     Why = "screen"   // an SSH connection of the same user, which tmux or screen may be shown over
	Viewer     Why = "viewer"   // of a client of tmux or screen, or of what that was started from
	Init       Why = "init"     // of process 1
	Unseen     Why = "unseen"   // of somebody who cannot be seen, and may be any of the above
	Listener   Why = "listener" // nobody asked for listeners
	DNS        Why = "dns"      // of the machine's own name server
	Kernel     Why = "kernel"   // a thread of the kernel
	NoIdentity Why = "identity" // the source tells no cookie, or no start time
	NoLookup   Why = "lookup"   // the kernel finds no socket in that state
)
