package ledger

// Writer is the process of Sockeye that wrote an entry. A number alone would tell
// nothing once another process has it.
type Writer struct {
	PID        int32  `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`      // clock ticks after boot; Windows: 100 ns since 1601, UTC
	Boot       string `json:"boot,omitempty"`   // which boot of the machine; Windows: "", the start's date tells
	PIDNS      uint64 `json:"pid_ns,omitempty"` // inode of the pid namespace that counts the number
}

// Abandoned reports whether who wrote an entry has ended, for sure: what is not at its
// end then was interrupted. Where that cannot be told (an entry without its writer,
// one from another pid namespace or another kind of system, a system where nobody is
// looked up) it is false.
func (e *Entry) Abandoned() bool {
	w := e.Writer
	return w != nil && w.PID > 0 && w.gone()
}

// Watched reports whether who wrote an entry is still there, for sure.
func (e *Entry) Watched() bool {
	w := e.Writer
	return w != nil && w.PID > 0 && w.there()
}
