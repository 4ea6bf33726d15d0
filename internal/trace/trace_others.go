//go:build !linux || !(amd64 || arm64)

package trace

import (
	"context"

	"sockeye/internal/host"
)

// Watcher does not exist on this system.
type Watcher struct{}

// Watch fails with ErrNotSupported.
func Watch(context.Context) (*Watcher, error) { return nil, ErrNotSupported }

// Stop fails with ErrNotSupported.
func (*Watcher) Stop() (*host.Activity, error) { return nil, ErrNotSupported }
