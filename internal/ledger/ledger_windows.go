package ledger

import (
	"errors"
	"io/fs"
	"os"
	"os/user"

	"golang.org/x/sys/windows"
)

// private trusts the directory's inherited rights: under ProgramData only
// administrators write what others made.
func private(string, fs.FileInfo) error { return nil }

func lockFile(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrBusy
	}
	return err
}

func whoAsks() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}
