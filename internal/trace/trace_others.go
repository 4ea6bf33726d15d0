//go:build !linux || !(amd64 || arm64)

package trace

import (
	"context"
	"time"

	"sockeye/internal/host"
)

// Tracer does not exist on this system.
type Tracer struct{}

// Attach fails with ErrNotSupported.
func Attach(context.Context, Options) (*Tracer, error) { return nil, ErrNotSupported }

// Watch fails with ErrNotSupported.
func Watch(context.Context, Options) (Memory, error) { return nil, ErrNotSupported }

// Open fails with ErrNotShared.
func Open(Options) (*Shared, error) { return nil, ErrNotShared }

// Shared does not exist on this system.
type Shared struct{ Tracer }

// Events fails with ErrNotSupported.
func (*Tracer) Events(context.Context, func(*host.Event), func()) error { return ErrNotSupported }

// LostEvents fails with ErrNotSupported.
func (*Tracer) LostEvents() (uint64, error) { return 0, ErrNotSupported }

// NotShared is nil.
func (*Tracer) NotShared() error { return nil }

// Activity fails with ErrNotSupported.
func (*Tracer) Activity() (*host.Activity, error) { return nil, ErrNotSupported }

// Lives fails with ErrNotSupported.
func (*Tracer) Lives() (map[uint64]*host.Life, error) { return nil, ErrNotSupported }

// Since is the zero time.
func (*Tracer) Since() time.Time { return time.Time{} }

// Close does nothing.
func (*Tracer) Close() error { return nil }
