//go:build unix

package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func makeDir(dir string) error { return os.Mkdir(dir, 0o700) }

// syncParent makes the directory itself durable, whoever made it: flushing what is in
// it does not (fsync(2)). Who may not read what it stands in cannot; then it was made
// by somebody else, before.
func syncParent(dir string) error {
	d, err := os.Open(filepath.Dir(dir))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// private makes sure that nobody but its user can have put anything there.
func private(dir string, d *os.File) error {
	info, err := d.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%w: the owner of %s is unknown", ErrUnsafe, dir)
	}
	if int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to user %d, not to %d", ErrUnsafe, dir, st.Uid, os.Geteuid())
	}
	if perm := info.Mode().Perm(); perm&0o022 != 0 {
		return fmt.Errorf("%w: others may write in %s (mode %#o)", ErrUnsafe, dir, perm)
	}
	return nil
}

func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}

// whoAsks names the user, and who became that user by sudo. Who sets the
// environment may lie: it is a note and no evidence.
func whoAsks() string {
	by := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil {
		by += " (" + u.Username + ")"
	}
	if sudo := os.Getenv("SUDO_USER"); sudo != "" {
		by += fmt.Sprintf(", sudo from %.64q", sudo)
	}
	return by
}
