package symbol

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// process is what was seen of a process at one time; it does not change.
type process struct {
	generation generation
	exe        string // as its mappings name it
	runtime    host.Gap
	maps       []mapping
	read       time.Time
	used       atomic.Int64 // when it was last asked for, Unix nanoseconds
	reread     atomic.Int64 // when its mappings were last read again
}

// generation tells apart the programs that a number runs one after the other:
// the process's start, and where its program's code, stack and arguments lie,
// which exec() makes anew (/proc/PID/stat 22, 26, 28, 48; proc_pid_stat(5)).
// Without the right to trace the process all but the first are hidden.
type generation struct{ start, code, stack, args uint64 }

var errEnded = errors.New("process ended")

// procDir is /proc/PID opened: everything below fails with ESRCH or ENOENT once
// the process has gone, even when the number is in use again.
type procDir struct {
	fd  int
	pid string
}

func openProc(root string, pid int32) (procDir, error) {
	name := strconv.Itoa(int(pid))
	fd, err := retry(func() (int, error) {
		return unix.Open(root+"/"+name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	return procDir{fd, name}, ended(err)
}

func (d procDir) close() { _ = unix.Close(d.fd) }

// open opens a file of procfs itself.
func (d procDir) open(name string) (*os.File, error) {
	fd, err := retry(func() (int, error) { return unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, ended(err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// ended makes one error of what a process that has gone answers.
func ended(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return errEnded
	}
	return err
}

func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// generation reads the leader's stat: that of the process would add up the
// times of all its threads.
func (d procDir) generation() (generation, error) { return statGeneration(d.fd, ".", d.pid) }

func statGeneration(dir int, path, pid string) (generation, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, path+"/task/"+pid+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return generation{}, ended(err)
	}
	defer func() { _ = unix.Close(fd) }()
	var buf [1024]byte
	n, err := retry(func() (int, error) { return unix.Read(fd, buf[:]) })
	if err != nil {
		return generation{}, ended(err)
	}
	return parseGeneration(buf[:max(n, 0)])
}

// parseGeneration reads /proc/PID/stat. The name stands in brackets and may
// hold brackets and spaces itself.
func parseGeneration(stat []byte) (g generation, err error) {
	const state, start, code, stack, args = 3, 22, 26, 28, 48
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	number := state
	for field := range bytes.FieldsSeq(rest) {
		var n uint64
		switch number {
		case state:
			if field[0] == 'Z' || field[0] == 'X' {
				return g, errEnded
			}
		case start, code, stack, args:
			if n, err = strconv.ParseUint(string(field), 10, 64); err != nil {
				return g, err
			}
		}
		switch number {
		case start:
			g.start = n
		case code:
			g.code = n
		case stack:
			g.stack = n
		case args:
			g.args = n
			return g, nil
		}
		number++
	}
	return g, errMalformed
}

// readMaps reads the executable mappings; a process that has none has ended, or
// is a thread of the kernel.
func (d procDir) readMaps() ([]mapping, error) {
	f, err := d.open("maps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	maps, err := parseMaps(f)
	if err == nil && len(maps) == 0 {
		err = errEnded
	}
	return maps, ended(err)
}

// link reads a symbolic link below /proc/PID; "" when it may not be read.
func (d procDir) link(name string) string {
	buf := make([]byte, maxString)
	n, err := unix.Readlinkat(d.fd, name, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
