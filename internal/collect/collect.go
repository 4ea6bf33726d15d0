// Package collect takes a Snapshot of a live machine: its TCP sockets in every
// network namespace, the processes that hold them, and the limits around them.
//
// In: the running kernel, read only.
// Out: a host.Snapshot; what could not be read is one of its BlindSpots.
package collect

import (
	"context"
	"errors"

	"sockeye/internal/host"
)

// ErrNotSupported says that sockets cannot be read live on this system.
var ErrNotSupported = errors.New("reading sockets live is not supported on this system")

// ErrUnknownNetNS says that the network namespace asked for does not exist.
var ErrUnknownNetNS = errors.New("no such network namespace")

// ErrNotPermitted says that only root may look into the network namespace asked for.
var ErrNotPermitted = errors.New("looking into this network namespace is not permitted")

// Options say what to look at. The zero value is: every namespace, the fastest
// source, everything read.
type Options struct {
	// NetNS is "all" (or ""), "self", the name of a namespace under /run/netns,
	// or the pid of a process whose namespace is meant.
	NetNS string
	// SocketsBy forces a source: "bpf-iter", "sock_diag" or "procfs"; "" or
	// "auto" takes the fastest that works.
	SocketsBy string
	// SocketsOnly leaves out settings, counters and limits: what list and count need.
	SocketsOnly bool
	// NoOwners leaves out who holds the sockets, and with that the sockets in
	// CLOSED, which only a descriptor leads to.
	NoOwners bool
	// NoInfo leaves out the measurements of tcp_info.
	NoInfo bool
}

// Take reads the machine once. It fails only when it saw nothing at all
// (ErrNotSupported, ErrUnknownNetNS, ErrNotPermitted, a forced source that does not work, ctx);
// everything less is a BlindSpot.
func Take(ctx context.Context, o Options) (*host.Snapshot, error) { return take(ctx, o) }

// Describe reads processes that hold no TCP socket but were seen at work, by
// their pids as the kernel counts them (host.Activity): call it as soon as the
// watching has ended, while they live. Those that have ended are absent; Sockets
// is 0 and UDP -1. At most 256 are read, the first first; what was left out, and
// what else was not seen, is in the blind spots.
func Describe(ctx context.Context, pids []int32) (map[int32]*host.Process, []host.BlindSpot) {
	return describe(ctx, pids)
}
