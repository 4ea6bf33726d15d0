package collect

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// procFS is a proc file system: the running kernel's, or a fixture.
type procFS struct {
	root string
	// live is true for the running kernel's: system calls about a pid or a path
	// then speak of the same machine as the files.
	live   bool
	statfs func(path string, buf *unix.Statfs_t) error
}

func liveProc() procFS { return procFS{root: "/proc", live: true, statfs: statDirectory} }

// thread opens the calling thread's directory: its net/ is that of the network
// namespace the thread is in, while /proc/net and /proc/self/net are those of
// the thread that the process began with (fs/proc/proc_net.c, v6.18).
func (p procFS) thread() (procfs.FS, error) { return procfs.NewFS(p.root + "/thread-self") }

// settings reads those of the named sysctls that exist. What is there but may
// not be read is a blind spot.
func (p procFS) settings(names []string, r *blindness) map[string]string {
	out := make(map[string]string, len(names))
	for _, name := range names {
		text, err := readSysctl(p.root + "/sys/" + strings.ReplaceAll(name, ".", "/"))
		switch {
		case err == nil:
			out[name] = text
		case !errors.Is(err, unix.ENOENT):
			r.add("setting-unreadable", name, err)
		}
	}
	return out
}

// A list of reserved ports is at most 65535/2 numbers of six characters.
const maxSysctl = 256 << 10

// readSysctl reads a setting, without the newline at its end. The kernel prints
// a sysctl into one read(2) as far as it fits and ends the file there
// (proc_do_large_bitmap, kernel/sysctl.c, v6.18): read with a small buffer, as
// os.ReadFile does, a long ip_local_reserved_ports is silently cut off.
func readSysctl(path string) (string, error) {
	for _, size := range []int{4 << 10, maxSysctl} {
		fd, err := openRetry(unix.AT_FDCWD, path, unix.O_RDONLY)
		if err != nil {
			return "", err
		}
		buf := make([]byte, size)
		n, err := readRetry(fd, buf)
		closeFD(fd)
		if err != nil {
			return "", err
		}
		if n < size {
			return strings.TrimSuffix(string(buf[:n]), "\n"), nil
		}
	}
	return "", unix.EFBIG
}

// number reads a setting that is one unsigned number.
func (p procFS) number(name string) (uint64, error) {
	text, err := readSysctl(p.root + "/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(text), 10, 64)
}

// readAt reads at most limit bytes of a file below the directory dir. Files of a
// process end early, with ESRCH, when it goes.
func readAt(dir int, name string, limit int) ([]byte, error) {
	fd, err := openRetry(dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer closeFD(fd)
	buf := make([]byte, 0, min(limit, 4<<10))
	for len(buf) < limit {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(limit, 4*cap(buf)))
			copy(grown, buf)
			buf = grown
		}
		n, err := readRetry(fd, buf[len(buf):cap(buf)])
		if err != nil {
			return buf, err
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
	return buf, nil
}

func (p procFS) readFile(name string, limit int) ([]byte, error) {
	return readAt(unix.AT_FDCWD, p.root+"/"+name, limit)
}

func openRetry(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// closeFD closes what was only read: there is nothing to lose.
func closeFD(fd int) { _ = unix.Close(fd) }

func readRetry(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		return max(n, 0), err
	}
}

// readLinkAt reads a symbolic link of any length below the directory dir.
func readLinkAt(dir int, name string) (string, error) {
	for size := 256; ; size *= 4 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(buf[:n]), nil
		}
		if size > 1<<20 {
			return "", unix.ENAMETOOLONG
		}
	}
}

// netNSOf reads the inode of a namespace link: "net:[4026531840]".
func netNSOf(link string) (uint64, bool) {
	digits, ok := strings.CutPrefix(link, "net:[")
	digits, closed := strings.CutSuffix(digits, "]")
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, ok && closed && err == nil
}

// bootTime is when the kernel started, by the wall clock of now.
func bootTime() time.Time {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(up.Nano()))
}

// boundedReader lets at most left bytes be read: section tables of hostile
// executables may name sizes of any amount.
type boundedReader struct {
	r    io.ReaderAt
	left int
}

func (b *boundedReader) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > b.left {
		return 0, unix.EFBIG
	}
	b.left -= len(p)
	return b.r.ReadAt(p, off)
}
