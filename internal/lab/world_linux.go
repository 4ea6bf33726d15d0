package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Addresses of the lab, from the ranges set aside for examples (RFC 5737).
const (
	here   = "192.0.2.10"   // this machine, reachable without leaving it
	remote = "198.51.100.7" // a machine at the far end of the wire; nobody unless a role answers for it
)

// world is the process that makes the stage and starts the roles.
type world struct {
	scenario *scenario
	out      *teller
	lifeline *os.File
	roles    []RolePID
	cmds     []*exec.Cmd
	died     chan string // roles that ended, by name
	gone     sync.WaitGroup
}

// Child plays the part of a process inside a run, chosen by args ("world NAME
// SECONDS" or "role NAME ROLE"), and returns its exit code. The command line
// calls it for the hidden parts of `lab`, tests from TestMain. A role ends when
// ctx does.
func Child(ctx context.Context, args []string) int {
	if len(args) != 3 {
		return 2
	}
	s, ok := findScenario(args[1])
	if !ok {
		return 2
	}
	lifeline, events := os.NewFile(lifelineFD, "lifeline"), os.NewFile(eventsFD, "events")
	for _, f := range []*os.File{lifeline, events} {
		// Without a starter these numbers belong to nobody, or to Go itself.
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			fmt.Fprintln(os.Stderr, "sockeye: this command is started by 'sockeye lab run' only")
			return 2
		}
		syscall.CloseOnExec(int(f.Fd()))
	}
	switch args[0] {
	case "world":
		seconds, err := strconv.Atoi(args[2])
		if err != nil {
			return 2
		}
		w := &world{scenario: &s, lifeline: lifeline, out: &teller{w: events}, died: make(chan string, len(s.roles))}
		return w.main(time.Duration(seconds) * time.Second)
	case "role":
		for _, r := range s.roles {
			if r.name == args[2] {
				return roleMain(ctx, &r, lifeline, &teller{w: events, role: r.name})
			}
		}
	}
	return 2
}

func (w *world) main(limit time.Duration) int {
	// The roles' parent-death signal belongs to this thread.
	runtime.LockOSThread()
	over := make(chan struct{})
	go func() {
		awaitEnd(w.lifeline)
		close(over)
	}()
	// A starter that is stopped, not dead, must not keep the world for ever.
	timeUp := time.After(limit)
	defer w.end()
	if err := w.raise(over); err != nil {
		w.out.send(message{Kind: kindFailed, Text: Text{En: err.Error()}, Missing: errors.Is(err, ErrImpossible)})
		return 1
	}
	for {
		select {
		case name := <-w.died:
			if ended(w.lifeline) {
				return 0 // it was only faster to notice
			}
			w.out.send(message{Kind: EventDied, Role: name, Text: Text{
				En: fmt.Sprintf("role %s ended", name), Zh: fmt.Sprintf("角色 %s 已退出", name)}})
		case <-over:
			return 0
		case <-timeUp:
			return 0
		}
	}
}

// raise sets the stage, starts the roles and waits until the picture stands.
func (w *world) raise(over <-chan struct{}) error {
	// What follows must never happen to the namespace of the machine: in one
	// that was just made, the loopback interface is down.
	if lo, err := net.InterfaceByName("lo"); err != nil || lo.Flags&net.FlagUp != 0 {
		return fmt.Errorf("this is no fresh network namespace (lo: %w)", err)
	}
	if err := linkUp("lo"); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	if err := addAddr("lo", netip.MustParsePrefix(here+"/32")); err != nil {
		return fmt.Errorf("address %s: %w", here, err)
	}
	if w.scenario.setup != nil {
		if err := w.scenario.setup(w); err != nil {
			return err
		}
	}
	for i := range w.scenario.roles {
		if err := w.start(&w.scenario.roles[i], over); err != nil {
			return fmt.Errorf("role %s: %w", w.scenario.roles[i].name, err)
		}
	}
	inode, err := ownNetNS()
	if err != nil {
		return err
	}
	// The kernel tells nobody when its table changes: look again and again.
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	for w.scenario.stands != nil {
		l, err := takeLook("/proc/self/net", w.roles)
		if err != nil {
			return err
		}
		if w.scenario.stands(l) {
			break
		}
		select {
		case <-again.C:
		case name := <-w.died:
			return fmt.Errorf("role %s ended before the picture stood", name)
		case <-over:
			return errors.New("stopped")
		}
	}
	w.out.send(message{Kind: EventReady, NetNS: inode, Roles: w.roles})
	return nil
}

// start starts a role and waits until it is ready. Its events pass through a
// pipe of its own, so that the world knows.
func (w *world) start(r *role, over <-chan struct{}) error {
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer readyR.Close()
	cmd, err := self([]string{"role", w.scenario.name, r.name}, []*os.File{w.lifeline, w.out.w, readyW})
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if r.disguise != "" {
		undo, err := disguise(cmd, r.disguise)
		if err != nil {
			return err
		}
		defer undo()
	}
	err = cmd.Start()
	readyW.Close()
	if err != nil {
		return err
	}
	w.cmds = append(w.cmds, cmd)
	w.roles = append(w.roles, RolePID{Name: r.name, PID: cmd.Process.Pid})
	w.gone.Go(func() {
		_ = cmd.Wait()
		w.died <- r.name
	})
	ready := make(chan error, 1)
	go func() {
		var word [1]byte
		_, err := readyR.Read(word[:])
		ready <- err
	}()
	select {
	case err := <-ready:
		if err != nil {
			return errors.New("it ended before it was ready")
		}
		return nil
	case <-over:
		return errors.New("stopped")
	}
}

// end kills every role and waits for its end, so that nothing is left when the
// world is gone.
func (w *world) end() {
	for _, cmd := range w.cmds {
		_ = cmd.Process.Kill()
	}
	w.gone.Wait()
}

// sysctls writes settings of the namespace, by name with dots.
func (w *world) sysctls(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		file := path.Join("/proc/sys", strings.ReplaceAll(pairs[i], ".", "/"))
		if err := os.WriteFile(file, []byte(pairs[i+1]), 0); err != nil {
			return fmt.Errorf("%w: setting %s to %q: %w", ErrImpossible, pairs[i], pairs[i+1], err)
		}
	}
	return nil
}

func ownNetNS() (uint64, error) {
	link, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return 0, err
	}
	var inode uint64
	if _, err := fmt.Sscanf(link, "net:[%d]", &inode); err != nil {
		return 0, fmt.Errorf("%q: %w", link, err)
	}
	return inode, nil
}

// awaitEnd returns when nobody holds the other end of the lifeline.
func awaitEnd(lifeline *os.File) {
	var b [1]byte
	for {
		if _, err := lifeline.Read(b[:]); err != nil {
			return
		}
	}
}

// ended reports whether nobody holds the other end of the lifeline any more.
func ended(lifeline *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(lifeline.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLHUP != 0
}
