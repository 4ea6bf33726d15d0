//go:build !linux

package collect

import (
	"context"

	"sockeye/internal/host"
)

func take(context.Context, Options) (*host.Snapshot, error) { return nil, ErrNotSupported }

func describe(context.Context, []int32) (map[int32]*host.Process, []host.BlindSpot) { return nil, nil }

func netnsOf(string) (uint64, bool, error) { return 0, false, ErrNotSupported }

func seesAllProcesses() bool { return true }

func initialNetNS() uint64 { return 0 }

func resident(uint64) (int32, string) { return 0, "" }

func inNetNS(uint64, func() error) error { return ErrNotSupported }
