package lab

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disguise makes cmd run from a copy of this program named name in a temporary
// folder, and returns what removes the copy again: to be called as soon as the
// program runs, which then shows as deleted. The folder is a file system of its
// own in a mount namespace of its own, so that not even a death between the two
// leaves a file. It acts on the calling thread, which must be a locked one.
func disguise(cmd *exec.Cmd, name string) (undo func(), err error) {
	from, err := os.Open(cmd.Path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	dir := "/var/tmp" // /tmp may hold this very program, as in tests
	if _, err := os.Stat(dir); err != nil {
		dir = "/dev/shm"
	}
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return nil, fmt.Errorf("%w: a private mount namespace: %w", ErrImpossible, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, os.NewSyscallError("mount(MS_PRIVATE)", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=1777"); err != nil {
		return nil, fmt.Errorf("%w: a private %s: %w", ErrImpossible, dir, err)
	}
	cmd.Path = filepath.Join(dir, name)
	to, err := os.OpenFile(cmd.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(to, from)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	return func() { _ = os.Remove(filepath.Join(dir, name)) }, err
}
