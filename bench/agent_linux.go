package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// variant is something that is attached to the machine while a churn runs.
type variant struct {
	name string
	args []string              // nil: no process
	hook func() (hooks, error) // without a process; nil: nothing, and the turns show how much they differ by themselves
	rows bool                  // it writes a little ndjson, which is kept and read; else lines, for /dev/null
}

// agent is the process of a variant.
type agent struct {
	cmd        *exec.Cmd
	out        *os.File // nil: /dev/null
	rows       bool     // it is ndjson
	complaints *os.File
	ended      chan error // its Wait
}

// attached starts the variant's process and returns once it writes of what
// happens, that is once its programs are in the kernel. Its output is kept if
// that is wanted or if it is rows.
func attached(ctx context.Context, v *variant, keep bool) (*agent, error) {
	path, err := exec.LookPath(v.args[0])
	if err != nil {
		return nil, errors.New("not installed")
	}
	a := &agent{cmd: exec.CommandContext(ctx, path, v.args[1:]...), rows: v.rows, ended: make(chan error, 1)}
	a.cmd.SysProcAttr = dieWithUs()
	a.cmd.Env = append(os.Environ(), "LC_ALL=C") // the words of readLosses
	if a.complaints, err = memoryFile("stderr"); err != nil {
		return nil, err
	}
	a.cmd.Stderr = a.complaints
	if v.rows || keep {
		if a.out, err = memoryFile("stdout"); err != nil {
			a.release()
			return nil, err
		}
		a.cmd.Stdout = a.out
	}
	if err := a.cmd.Start(); err != nil {
		a.release()
		return nil, err
	}
	go func() { a.ended <- a.cmd.Wait() }()
	if err := a.writes(ctx); err != nil {
		_, _ = a.detach() // that it does not work is known already
		return nil, err
	}
	return a, nil
}

// agentStart is how long a tracer may take until it writes something: bpftrace
// compiles first, and the churn leaves it little time.
const agentStart = 60 * time.Second

// greeting is more than any tracer writes before it is attached.
const greeting = 1024

// writes waits for the first output. It makes a connection fail again and again,
// for what is to be told of when only failures are told.
func (a *agent) writes(ctx context.Context) error {
	err := await(ctx, agentStart, func() (bool, error) {
		select {
		case err := <-a.ended:
			a.ended <- err
			return false, a.why("it ended", err)
		default:
		}
		refused()
		if a.out != nil {
			info, err := a.out.Stat()
			return err == nil && info.Size() > 0, err
		}
		n, err := procNumber(fmt.Sprintf("/proc/%d/io", a.cmd.Process.Pid), "wchar:")
		if errors.Is(err, os.ErrNotExist) {
			err = nil // the next look sees that it ended
		}
		return n > greeting, err
	})
	if errors.Is(err, errLate) {
		return a.why(fmt.Sprintf("it wrote nothing within %s", short(agentStart)), nil)
	}
	return err
}

// refused fails to connect: nobody listens on port 1 of this namespace.
func refused() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		_ = unix.Connect(fd, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}})
		_ = unix.Close(fd)
	}
}

// why adds to a complaint what the process said itself.
func (a *agent) why(what string, err error) error {
	var t told
	_ = t.readMessages(rewound(a.complaints)) // what can be read is read
	switch {
	case t.first != "":
		return fmt.Errorf("%s: %s", what, t.first)
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	return errors.New(what)
}

// cpu is the processor time that the process took so far.
func (a *agent) cpu() (time.Duration, error) { return processorTime(a.cmd.Process.Pid) }

// processorTime is what a process took so far, all its threads together: its
// clock of clock_gettime(2), which is utime + stime without the rounding.
func processorTime(pid int) (time.Duration, error) {
	const processClock = 2 // CPUCLOCK_SCHED, include/linux/posix-timers_types.h
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|processClock), &ts); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// agentEnd is how long a tracer may take to go.
const agentEnd = 10 * time.Second

// detach ends the process as Ctrl-C does, and returns what it told.
func (a *agent) detach() (t told, err error) {
	defer a.release()
	_ = a.cmd.Process.Signal(os.Interrupt) // one that has ended is waited for below
	late := time.AfterFunc(agentEnd, func() { _ = a.cmd.Process.Kill() })
	err = <-a.ended
	if !late.Stop() {
		return t, fmt.Errorf("it did not end within %s of an interrupt", short(agentEnd))
	}
	if err != nil {
		return t, a.why("it ended badly", err)
	}
	if err := t.readMessages(rewound(a.complaints)); err != nil {
		return t, err
	}
	switch {
	case a.rows:
		err = t.readRows(rewound(a.out))
	case a.out != nil:
		err = t.readLosses(rewound(a.out))
	}
	return t, err
}

func (a *agent) release() {
	for _, f := range []io.Closer{a.out, a.complaints} {
		_ = f.Close() // memory files; a nil *os.File answers with an error only
	}
}
