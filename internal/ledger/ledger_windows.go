package ledger

import (
	"errors"
	"os"
	"os/user"

	"golang.org/x/sys/windows"
)

func lockFile(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrBusy
	}
	return err
}

// syncParent: NTFS keeps new directories in its own log, and they cannot be flushed.
func syncParent(string) error { return nil }

func whoAsks() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}
