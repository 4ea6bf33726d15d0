//go:build !linux

package symbol

import (
	"time"

	"sockeye/internal/host"
)

// Namer names nothing on this system.
type Namer struct{}

// New returns a Namer.
func New(Options) *Namer { return &Namer{} }

// Observe does nothing.
func (*Namer) Observe(int32) {}

// Stack returns the addresses without names.
func (*Namer) Stack(_ int32, addrs []uint64) *host.Stack {
	return bare(addrs, host.GapUnreadable)
}

// StackAt returns the addresses without names.
func (*Namer) StackAt(_ int32, _ string, _ time.Time, addrs []uint64) *host.Stack {
	return bare(addrs, host.GapUnreadable)
}

// Close does nothing.
func (*Namer) Close() error { return nil }
