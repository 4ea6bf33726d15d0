//go:build !linux

package collect

import "sockeye/internal/host"

// Inspect describes one process; no system but Linux has it yet.
func Inspect(int32) (*host.Process, []host.BlindSpot) { return nil, nil }
