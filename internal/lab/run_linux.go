package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Every process of a run holds these besides its three streams. The write end
// of the lifeline is held by the starter alone: when it goes, in whatever way,
// every process of the run reads the end of file and exits. The parent-death
// signal does the same at once and to a process that is stopped.
const (
	lifelineFD = 3
	eventsFD   = 4
)

// setUpLimit bounds the time from the start to the standing picture.
const setUpLimit = 45 * time.Second

// stopLimit bounds the time that the processes get to end by themselves.
const stopLimit = 3 * time.Second

// Run is a scenario being played.
type Run struct {
	Ready Ready

	lifeline *os.File
	stopOnce sync.Once
	done     chan struct{} // closed when no process of the run is left
	world    *os.Process
	err      error // how the world ended; read after done
}

// Start plays a scenario and returns when its picture stands, or with an error
// when it does not come about; nothing is left behind then. Cancelling ctx
// stops the run. The errors are ErrUnknownScenario, ErrNotAllowed,
// ErrImpossible, or what the scenario met.
func Start(ctx context.Context, name string, o Options) (*Run, error) {
	s, ok := findScenario(name)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownScenario, name)
	}
	if o.Hold <= 0 || o.Hold > MaxHold {
		o.Hold = MaxHold
	}
	lifelineR, lifelineW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	eventsR, eventsW, err := os.Pipe()
	if err != nil {
		lifelineR.Close()
		lifelineW.Close()
		return nil, err
	}
	r := &Run{lifeline: lifelineW, done: make(chan struct{})}
	args := []string{"world", name, strconv.Itoa(int((setUpLimit + o.Hold + stopLimit).Seconds()))}
	err = r.launch(args, []*os.File{lifelineR, eventsW}, o.Stderr)
	lifelineR.Close()
	eventsW.Close()
	if err != nil {
		lifelineW.Close()
		eventsR.Close()
		return nil, err
	}
	result := make(chan error, 1)
	go r.listen(eventsR, &s, o.On, result)
	stopWith := func(err error) (*Run, error) {
		return nil, errors.Join(err, r.Stop())
	}
	limit := time.NewTimer(setUpLimit)
	defer limit.Stop()
	select {
	case err := <-result:
		if err != nil {
			return stopWith(err)
		}
	case <-limit.C:
		return stopWith(fmt.Errorf("the picture of %s did not come about within %v", name, setUpLimit))
	case <-ctx.Done():
		return stopWith(ctx.Err())
	}
	go func() {
		hold := time.NewTimer(o.Hold)
		defer hold.Stop()
		select {
		case <-ctx.Done():
		case <-hold.C:
		case <-r.done:
		}
		_ = r.Stop()
	}()
	return r, nil
}

// launch starts the world process in a new network namespace, inside a new user
// namespace where it cannot be had otherwise. The parent-death signal belongs to
// the thread that starts it (prctl(2)), which is why one is kept for as long as
// the world lives.
func (r *Run) launch(args []string, files []*os.File, stderr io.Writer) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd, err := self(args, files)
		if err != nil {
			started <- err
			return
		}
		cmd.Stderr = stderr
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
		err = cmd.Start()
		if errors.Is(err, syscall.EPERM) {
			cmd, err = self(args, files)
			if err == nil {
				cmd.Stderr = stderr
				cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER
				cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
				cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
				if err = cmd.Start(); err != nil {
					err = fmt.Errorf("%w: %w", ErrNotAllowed, err)
				}
			}
		}
		if err != nil {
			started <- err
			return
		}
		r.world = cmd.Process
		started <- nil
		r.err = cmd.Wait()
		close(r.done)
	}()
	return <-started
}

// self is this very program as a process of the run. The name it was called by
// is kept: a test binary tells by it what to be.
func self(args []string, files []*os.File) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: exe, Args: append([]string{os.Args[0], "lab"}, args...), ExtraFiles: files}
	// A group of its own: Ctrl-C on the terminal reaches only the starter.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd, nil
}

// message is a line of the events pipe. It stays under PIPE_BUF (4096 bytes, see
// pipe(7)), so that lines of several processes never mix.
type message struct {
	Kind    string    `json:"kind"`
	Role    string    `json:"role,omitempty"`
	PID     int       `json:"pid,omitempty"`
	Text    Text      `json:"text"`
	Sockets []Row     `json:"sockets,omitempty"`
	NetNS   uint64    `json:"netns,omitempty"`
	Roles   []RolePID `json:"roles,omitempty"`
	Missing bool      `json:"missing,omitempty"` // with kindFailed: the machine lacks something
}

// Kinds that only the processes of a run see, besides the Event kinds.
const (
	kindRoleReady = "role-ready"
	kindFailed    = "failed" // the world gives up
)

func (r *Run) listen(events *os.File, s *scenario, on func(Event), result chan<- error) {
	defer events.Close()
	if on == nil {
		on = func(Event) {}
	}
	told := false
	tell := func(err error) {
		if !told {
			told = true
			result <- err
		}
	}
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		switch m.Kind {
		case EventReady:
			r.Ready = Ready{Scenario: s.name, NetNS: m.NetNS, Roles: m.Roles, Expect: s.expect}
			on(Event{Kind: EventReady, Ready: &r.Ready})
			tell(nil)
		case kindFailed:
			err := errors.New(m.Text.En)
			if m.Missing {
				err = fmt.Errorf("%w: %w", ErrImpossible, err)
			}
			tell(err)
		case EventStep, EventDied:
			on(Event{Kind: m.Kind, Role: m.Role, Text: m.Text, Sockets: m.Sockets})
		}
	}
	<-r.done
	tell(errors.Join(errors.New("the lab's world ended early"), r.err))
}

// Done is closed when the run is over and no process of it is left.
func (r *Run) Done() <-chan struct{} { return r.done }

// Stop ends the run and returns when no process of it is left. It may be called
// several times.
func (r *Run) Stop() error {
	r.stopOnce.Do(func() {
		r.lifeline.Close()
		limit := time.AfterFunc(stopLimit, func() { _ = r.world.Kill() })
		<-r.done
		limit.Stop()
	})
	<-r.done
	return nil
}
