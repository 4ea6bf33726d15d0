//go:build !linux

package lab

import "context"

// List returns the scenarios: none where they cannot be played.
func List() []Info { return nil }

// Run is a scenario being played.
type Run struct{ Ready Ready }

// Start always fails with ErrNotSupported.
func Start(context.Context, string, Options) (*Run, error) { return nil, ErrNotSupported }

// Done returns nil: nothing runs.
func (*Run) Done() <-chan struct{} { return nil }

// Stop does nothing.
func (*Run) Stop() error { return nil }

// Child plays no part here.
func Child(context.Context, []string) int { return 1 }
