package act

import "errors"

// errNoEventLog: an entry of the event log needs a registered source, and that it
// arrives has not been seen on any Windows yet.
var errNoEventLog = errors.New("the event log of Windows is not written yet")

// SystemLog is the logging service of this machine.
type SystemLog struct{}

// OpenLog fails: the record is the only one here.
func OpenLog() (*SystemLog, error) { return nil, errNoEventLog }

// Notice takes down a line.
func (*SystemLog) Notice(string) error { return errNoEventLog }

// Close does nothing.
func (*SystemLog) Close() error { return nil }
