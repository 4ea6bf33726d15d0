//go:build !unix && !windows

package act

// SystemLog is the logging service of this machine.
type SystemLog struct{}

// OpenLog fails with ErrNotSupported.
func OpenLog() (*SystemLog, error) { return nil, ErrNotSupported }

// Notice takes down a line.
func (*SystemLog) Notice(string) error { return ErrNotSupported }

// Close does nothing.
func (*SystemLog) Close() error { return nil }
