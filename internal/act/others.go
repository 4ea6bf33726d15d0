//go:build !linux && !windows

package act

import (
	"context"
	"time"
)

// NewGuard fails with ErrNotSupported.
func NewGuard() (*Guard, error) { return nil, ErrNotSupported }

func kernelThread(int32) bool { return false }

// LookAt can tell nothing here.
func LookAt(int32) Look { return Look{} }

func openDestroyer(uint64) (destroyer, error) { return nil, ErrNotSupported }

type process struct{}

func openProcess(int32, uint64) (*process, error) { return nil, ErrNotSupported }

func (*process) terminate() error { return ErrNotSupported }
func (*process) kill() error      { return ErrNotSupported }
func (*process) held() error      { return nil }
func (*process) close()           {}

func await(context.Context, []*process, []Result, Outcome, time.Duration) error {
	return ErrNotSupported
}
