// Package trace watches TCP at work in the kernel and remembers what no table
// shows: who opened each connection and from where in the code, who closed it,
// and which socket calls failed, with their errno.
//
// In: the running kernel, through BPF programs at tracepoints; or the memory of
// another Sockeye process that has been watching for longer.
// Out: host.Activity (counts), host.Life for each connection, a stream of host.Event.
//
// Memory begins with Attach: a connection whose SYN left before has no opener
// here. The state changes are seen whoever makes them. Of the calls, those made
// through io_uring, by sendto with MSG_FASTOPEN and by 32-bit programs are not:
// one that fails at once is not told then, and an accept() has no opener.
package trace

import (
	"errors"
	"fmt"
	"time"

	"sockeye/internal/host"
)

// ErrNotSupported says that TCP cannot be watched here; what is lacking is one
// of the errors below, which wrap it. An error that is not ErrNotSupported means
// that it could not be found out, and another attempt may succeed.
var ErrNotSupported = errors.New("watching TCP in the kernel is not supported here")

// What Attach and Watch may find lacking. All of them are ErrNotSupported too.
var (
	ErrNoPrivilege  = fmt.Errorf("%w: it needs root, or CAP_BPF and CAP_PERFMON", ErrNotSupported)
	ErrNoBTF        = fmt.Errorf("%w: the kernel carries no type information (CONFIG_DEBUG_INFO_BTF)", ErrNotSupported)
	ErrNoTracepoint = fmt.Errorf("%w: the kernel lacks a tracepoint", ErrNotSupported)
	ErrOldKernel    = fmt.Errorf("%w: it needs Linux 5.12 or newer (arm64: 5.18)", ErrNotSupported)
)

// ErrNotShared says that no other process shares what it remembers; a reason
// why it could not be found out is wrapped beside it.
var ErrNotShared = errors.New("no tracer shares its memory")

// ErrNoBPFFS says that there is no BPF file system to share the memory in.
var ErrNoBPFFS = errors.New("no BPF file system is mounted, so other sockeye processes cannot use what this one remembers")

// BPFFS is where the kernel's BPF file system is usually mounted.
const BPFFS = "/sys/fs/bpf"

// Call is what is known of the moment a socket was opened or a call failed:
// enough to find its code, in the process's memory or among the stacks that
// another unwinder took of the same call.
type Call struct {
	PID, TID int32
	Name     string // of the process's first thread at that moment; "" unknown
	Cookie   uint64 // 0: no socket, or one of many
	At       time.Time
	Addrs    []uint64 // user stack, innermost first; as far as frame pointers lead
}

// Namer finds the code behind a call. It must be safe for concurrent use.
type Namer interface {
	// Observe is told of a process that opens connections, while it most likely lives.
	Observe(pid int32)
	// Stack names a call's frames; nil when it knows nothing of it.
	Stack(Call) *host.Stack
}

// Options of a tracer. The zero value counts and remembers, takes stacks without
// naming them, streams nothing, and shares nothing.
type Options struct {
	Events   Events // which single events are streamed
	NoStacks bool   // take none
	Namer    Namer  // nil: addresses only
	Lives    int    // connections remembered at once, TIME_WAIT included; 0: DefaultLives
	Share    string // directory of a BPF file system for others to find the memory; "": keep it private
}

// Memory is what a tracer remembers: this process's, or another's.
type Memory interface {
	// Activity is what was counted since Attach, or since the other's memory was opened.
	Activity() (*host.Activity, error)
	// Lives is every connection that is remembered, by socket cookie. Read it after
	// the sockets: what began in between is then remembered, not missed.
	Lives() (map[uint64]*host.Life, error)
	// Since is when the memory begins.
	Since() time.Time
	Close() error
}

// Events are kinds of events.
type Events uint8

// Kinds of events: STREAM_* of bpf/tracer.h.
const (
	Changes  Events = 1 << iota // every change of state
	Ends                        // those that end a connection
	Failures                    // calls that fail, and ends by an error that no call told
)

// DefaultLives is how many connections are remembered at once: 56 bytes each.
const DefaultLives = 1 << 18

func (o Options) name(c Call) *host.Stack {
	if o.Namer != nil {
		if s := o.Namer.Stack(c); s != nil {
			return s
		}
	}
	s := &host.Stack{Gap: host.GapUnreadable}
	for _, a := range c.Addrs {
		s.Frames = append(s.Frames, host.Frame{Addr: a})
	}
	return s
}
