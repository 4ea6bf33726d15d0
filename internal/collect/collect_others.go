//go:build !linux

package collect

import (
	"context"

	"sockeye/internal/host"
)

func take(context.Context, Options) (*host.Snapshot, error) { return nil, ErrNotSupported }
