package act

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that runs, by a descriptor which the kernel ties to it and
// not to its number (pidfd_open(2), since Linux 5.3).
type process struct {
	fd    int
	pid   int32
	start uint64
}

// openProcess opens the process of that number that started then, in clock ticks
// after boot. Which of two descriptors comes first matters: the directory is
// opened and its start time read; then the pidfd; and then the directory is read
// again. A directory of /proc belongs to one process for ever, and while it
// answers nobody else can have had the number, so both mean the same one.
func openProcess(pid int32, start uint64) (*process, error) {
	if err := ownProc(); err != nil {
		return nil, err
	}
	dir, err := unix.Open("/proc/"+strconv.Itoa(int(pid)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, ended(err)
	}
	defer unix.Close(dir)
	before, err := statAt(dir)
	if err != nil {
		return nil, ended(err)
	}
	if before.start != start {
		return nil, errReplaced
	}
	fd, err := unix.PidfdOpen(int(pid), 0)
	after, gone := statAt(dir)
	if gone == nil && after.over() { // a signal to it succeeds, and means nothing
		gone = errNoProcess
	}
	if gone != nil {
		if err == nil {
			_ = unix.Close(fd)
		}
		return nil, ended(gone)
	}
	switch {
	case errors.Is(err, unix.ENOSYS):
		return nil, fmt.Errorf("%w: it has no pidfd (Linux 5.3), and a number alone may be another process's by then", ErrCannot)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // the directory is there
		return nil, errThread
	case err != nil:
		return nil, ended(err)
	}
	return &process{fd, pid, start}, nil
}

// ended names the errors of a process that is over.
func ended(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return errNoProcess
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return notPermitted(err)
	}
	return err
}

func (p *process) close() { _ = unix.Close(p.fd) }

// held is why the process does not take a signal; nil where nothing holds it, or
// where it is over.
func (p *process) held() error {
	if stat, err := statOf(p.pid); err == nil && stat.start == p.start {
		return stat.held()
	}
	return nil
}

// terminate and kill send a signal; errNoProcess when the process has ended.
func (p *process) terminate() error { return p.send(unix.SIGTERM) }
func (p *process) kill() error      { return p.send(unix.SIGKILL) }

func (p *process) send(sig unix.Signal) error {
	if err := unix.PidfdSendSignal(p.fd, sig, nil, 0); err != nil {
		return ended(err)
	}
	return nil
}

// longestPoll keeps the milliseconds of poll(2) within 32 bits.
const longestPoll = time.Hour

// await waits until those that are Running have ended, each then gets the outcome
// given; or until patience or ctx ends. A pidfd is readable once its process has
// ended, whether anybody has reaped it or not.
func await(ctx context.Context, held []*process, results []Result, outcome Outcome, patience time.Duration) error {
	wakeup, wake, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wakeup.Close()
	defer wake.Close()
	defer context.AfterFunc(ctx, func() { _, _ = wake.Write([]byte{0}) })()
	deadline := time.Now().Add(patience)
	for {
		polled := []unix.PollFd{{Fd: int32(wakeup.Fd()), Events: unix.POLLIN}}
		var whose []int
		for i, r := range results {
			if r.Outcome == Running {
				polled = append(polled, unix.PollFd{Fd: int32(held[i].fd), Events: unix.POLLIN})
				whose = append(whose, i)
			}
		}
		if len(whose) == 0 {
			return nil
		}
		left := time.Until(deadline)
		_, err := unix.Poll(polled, int(min(max(0, left+time.Millisecond-1), longestPoll)/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		for n, i := range whose {
			if err == nil && polled[n+1].Revents != 0 {
				results[i].Outcome = outcome
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case left <= 0:
			return nil
		}
	}
}

func statAt(dir int) (statLine, error) {
	fd, err := unix.Openat(dir, "stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return statLine{}, err
	}
	f := os.NewFile(uintptr(fd), "stat")
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 8<<10))
	if err != nil {
		return statLine{}, err
	}
	return parseStat(text)
}
