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

// process is what was seen of a program that a process ran. Only what is atomic
// changes, and what lifetime guards.
type process struct {
	generation generation
	life       *lifetime
	exe        string // as its mappings name it
	runtime    host.Gap
	maps       []mapping
	size       int // bytes of maps
	read       time.Time
	used       atomic.Int64 // when it was last asked for, Unix nanoseconds
	reread     atomic.Int64 // when its mappings were last read again
}

// generation tells apart the programs that a number runs one after the other:
// the process's start, and where its program's code, stack and arguments lie,
// which exec() makes anew (/proc/PID/stat 22, 26, 27, 28, 48; proc_pid_stat(5)).
// Without the right to trace the process all but the first are hidden.
type generation struct{ start, code, end, stack, args uint64 }

// status is what /proc/PID/stat tells of a process now.
type status struct {
	generation generation
	name       name
}

// name is the comm of a process's first thread: at most 15 bytes, then zeros.
type name [16]byte

func nameOf(s string) (n name) {
	copy(n[:len(n)-1], s)
	return n
}

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

// status reads the leader's stat: that of the process would add up the times of
// all its threads.
func (d procDir) status() (status, error) { return readStatus(d.fd, ".", d.pid) }

func readStatus(dir int, path, pid string) (status, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, path+"/task/"+pid+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return status{}, ended(err)
	}
	defer func() { _ = unix.Close(fd) }()
	var buf [1024]byte
	n, err := retry(func() (int, error) { return unix.Read(fd, buf[:]) })
	if err != nil {
		return status{}, ended(err)
	}
	return parseStatus(buf[:max(n, 0)])
}

// parseStatus reads /proc/PID/stat. The name stands in brackets and may hold
// brackets and spaces itself; "\n" and "\\" in it are escaped (proc_task_name,
// fs/proc/array.c, v6.18).
func parseStatus(stat []byte) (s status, err error) {
	const state, start, code, end, stack, args = 3, 22, 26, 27, 28, 48
	open, last := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open >= 0 && open < last {
		s.name = unescaped(stat[open+1 : last])
	}
	g := &s.generation
	rest := stat[last+1:]
	number := state
	for field := range bytes.FieldsSeq(rest) {
		var n uint64
		switch number {
		case state:
			if field[0] == 'Z' || field[0] == 'X' {
				return s, errEnded
			}
		case start, code, end, stack, args:
			if n, err = strconv.ParseUint(string(field), 10, 64); err != nil {
				return s, err
			}
		}
		switch number {
		case start:
			g.start = n
		case code:
			g.code = n
		case end:
			g.end = n
		case stack:
			g.stack = n
		case args:
			g.args = n
			return s, nil
		}
		number++
	}
	return s, errMalformed
}

func unescaped(escaped []byte) (n name) {
	at := 0
	for i := 0; i < len(escaped) && at < len(n)-1; i++ {
		c := escaped[i]
		if c == '\\' && i+1 < len(escaped) {
			i++
			if c = escaped[i]; c == 'n' {
				c = '\n'
			}
		}
		n[at] = c
		at++
	}
	return n
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
