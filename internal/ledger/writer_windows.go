package ledger

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// thisProcess is the one that runs now; nil when it cannot tell itself apart.
func thisProcess() *Writer {
	began, err := startOf(windows.CurrentProcess())
	if err != nil || began == 0 {
		return nil
	}
	return &Writer{PID: int32(os.Getpid()), StartTicks: began}
}

// gone reports whether the process has ended, for sure.
func (w *Writer) gone() bool {
	runs, known := w.runs()
	return known && !runs
}

// there reports whether the process runs, for sure.
func (w *Writer) there() bool {
	runs, known := w.runs()
	return known && runs
}

// runs looks the process up; known is false where that says nothing. No other one has
// both its number and its start, which is a date and so differs after a boot as well.
// A container counts numbers of its own, and cannot be told from the machine: a ledger
// is for one of them.
func (w *Writer) runs() (runs, known bool) {
	if w.Boot != "" || w.PIDNS != 0 || w.StartTicks == 0 {
		return false, false // written by another system
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(w.PID))
	if err != nil {
		return false, errors.Is(err, windows.ERROR_INVALID_PARAMETER) // nobody has that number
	}
	defer func() { _ = windows.CloseHandle(h) }()
	id, err := windows.GetProcessId(h)
	if err != nil {
		return false, false
	}
	began, err := startOf(h)
	if err != nil {
		return false, false
	}
	if id != uint32(w.PID) || began != w.StartTicks { // Windows takes the three numbers behind one for it
		return false, true
	}
	event, err := windows.WaitForSingleObject(h, 0) // a process that ended stays while somebody has a handle of it
	return event != windows.WAIT_OBJECT_0, err == nil
}

// startOf is when a process was made, in 100 ns since 1601, UTC:
// learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getprocesstimes
func startOf(h windows.Handle) (uint64, error) {
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &began, &ended, &kernel, &user); err != nil {
		return 0, err
	}
	return uint64(began.HighDateTime)<<32 | uint64(began.LowDateTime), nil
}
