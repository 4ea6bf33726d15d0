package symbol

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	errNotRegular = errors.New("no regular file")
	errOther      = errors.New("another file than the one mapped")
)

// openMapped opens the file behind a mapping without touching it: through
// map_files, which leads to the very file, deleted or in a container; without
// the right to that (CAP_CHECKPOINT_RESTORE), through exe for the program
// itself; else by the path inside the process's root, if what is there is the
// file that is mapped. The descriptor is good for fstat only.
func (d procDir) openMapped(m *mapping, exe string) (fd int, st unix.Stat_t, err error) {
	fd, err = d.openPath(fmt.Sprintf("map_files/%x-%x", m.start, m.end))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT) {
		exact := func(st *unix.Stat_t) bool {
			return st.Ino == m.inode && unix.Major(st.Dev) == m.major && unix.Minor(st.Dev) == m.minor
		}
		if m.path == exe {
			if fd, err = d.openPath("exe"); err == nil {
				return d.statRegular(fd, func(*unix.Stat_t) bool { return true })
			}
		}
		if fd, err = d.openInRoot(m.path); err == nil {
			return d.statRegular(fd, exact)
		}
	}
	if err != nil {
		return -1, st, ended(err)
	}
	return d.statRegular(fd, func(*unix.Stat_t) bool { return true })
}

func (d procDir) openPath(name string) (int, error) {
	return retry(func() (int, error) { return unix.Openat(d.fd, name, unix.O_PATH|unix.O_CLOEXEC, 0) })
}

// openInRoot opens a path as the process sees it; links cannot lead out of its
// root, nor into procfs.
func (d procDir) openInRoot(path string) (int, error) {
	if !strings.HasPrefix(path, "/") {
		return -1, unix.ENOENT
	}
	root, err := d.openPath("root")
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(root) }()
	return retry(func() (int, error) {
		return unix.Openat2(root, path, &unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
	})
}

// statRegular keeps fd only when it is that of a regular file which is right.
func (d procDir) statRegular(fd int, right func(*unix.Stat_t) bool) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		err = errNotRegular
	case !right(&st):
		err = errOther
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// openRead makes of a descriptor from openMapped one that can be read.
func openRead(fd int) (*os.File, error) {
	name := fmt.Sprintf("/proc/self/fd/%d", fd)
	read, err := retry(func() (int, error) {
		return unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(read), name), nil
}

func identify(st *unix.Stat_t) fileID {
	return fileID{dev: st.Dev, inode: st.Ino, size: st.Size, mtime: st.Mtim.Nano()}
}
