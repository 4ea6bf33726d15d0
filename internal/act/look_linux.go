package act

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// LookAt tells what a number stands for, whoever's it is.
func LookAt(pid int32) Look {
	dir := "/proc/" + strconv.Itoa(int(pid))
	stat, err := statOf(pid)
	if err != nil {
		return Look{}
	}
	status, err := readSome(dir + "/status")
	look := Look{Over: stat.over(), Shut: shut(dir + "/fd")}
	if err == nil {
		look.Leader = leaderIn(string(status))
	}
	return look
}

// leaderIn finds the thread group's number in /proc/PID/status; 0 where it is not.
func leaderIn(status string) int32 {
	for line := range strings.Lines(status) {
		if text, ok := strings.CutPrefix(line, "Tgid:"); ok {
			pid, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
			return int32(pid)
		}
	}
	return 0
}

// shut tries to read one descriptor: the directory may open to those whom the
// entries then refuse (proc_fd_link, fs/proc/fd.c, v6.18).
func shut(dir string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	defer d.Close()
	names, err := d.Readdirnames(1)
	if len(names) == 0 {
		return errors.Is(err, fs.ErrPermission)
	}
	_, err = os.Readlink(dir + "/" + names[0])
	return errors.Is(err, fs.ErrPermission)
}

// over reports a process that has ended but for its entry in the process table. One
// whose first thread alone has ended goes on: it has others.
func (s statLine) over() bool {
	return s.state == 'X' || s.state == 'x' || s.state == 'Z' && s.threads <= 1
}

// held is why a signal waits; nil when it does not (proc_pid_stat(5)).
func (s statLine) held() error {
	switch s.state {
	case 'T':
		return ErrStopped
	case 't':
		return ErrTraced
	}
	return nil
}

// statLine is what is used of /proc/PID/stat.
type statLine struct {
	state   byte // one letter: 'R', 'S', 'T', 'Z', …
	ppid    int32
	flags   uint64
	threads uint64
	start   uint64 // clock ticks after boot
}
