package act

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
	"sockeye/internal/ledger"
)

// The processes that are ended here are this test binary, in a role.
const roleVar = "SOCKEYE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "":
		os.Exit(m.Run())
	case "stubborn":
		signal.Ignore(unix.SIGTERM)
		fallthrough
	case "obedient":
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "over":
		os.Exit(0)
	case "attached":
		os.Exit(attached(os.Args[1:]))
	case "paned":
		os.Exit(paned())
	case "elsewhere":
		_, err := NewGuard()
		_, err2 := openProcess(int32(os.Getpid()), 0)
		fmt.Println(errors.Is(err, ErrElsewhere), errors.Is(err2, ErrElsewhere))
	}
}

// child is a process that this test started.
type child struct {
	*exec.Cmd
	ended chan struct{} // closed once it has ended and was waited for
}

// start runs a role until it is ended, by the test's end at the latest.
func start(t *testing.T, role string) *child {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd, make(chan struct{})}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-c.ended
	})
	return c
}

// shown is the child as a look would show it.
func (c *child) shown(t *testing.T) *host.Process {
	t.Helper()
	stat, err := statOf(int32(c.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return &host.Process{PID: int32(c.Process.Pid), StartTicks: stat.start, Name: "act.test"}
}

func (c *child) runs() bool {
	select {
	case <-c.ended:
		return false
	default:
		return c.Process.Signal(syscall.Signal(0)) == nil
	}
}

func (c *child) signal(t *testing.T) syscall.Signal {
	t.Helper()
	<-c.ended
	return c.ProcessState.Sys().(syscall.WaitStatus).Signal()
}

func kill(t *testing.T, k Killer, list ...*host.Process) []Result {
	t.Helper()
	k.Ledger = openLedger(t)
	_, results, err := k.Kill(t.Context(), "test", list)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

const (
	plenty = time.Minute           // of which an obedient process uses nothing
	short  = 30 * time.Millisecond // which a stubborn one sits out
)

func TestTerminate(t *testing.T) {
	a, b := start(t, "obedient"), start(t, "obedient")
	for i, r := range kill(t, Killer{Grace: plenty}, a.shown(t), b.shown(t)) {
		if r.Outcome != Ended || r.Err != nil {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if a.signal(t) != syscall.SIGTERM || b.signal(t) != syscall.SIGTERM {
		t.Errorf("ended by %v and %v", a.signal(t), b.signal(t))
	}
}

func TestStubbornWithoutForce(t *testing.T) {
	c, other := start(t, "stubborn"), start(t, "obedient")
	got := kill(t, Killer{Grace: short}, c.shown(t), other.shown(t))
	if got[0].Outcome != Running || got[0].Err != nil || got[1].Outcome != Ended {
		t.Errorf("%+v", got)
	}
	if !c.runs() {
		t.Error("it was killed although nobody forced it")
	}
}

func TestStubbornWithForce(t *testing.T) {
	c, other := start(t, "stubborn"), start(t, "obedient")
	got := kill(t, Killer{Grace: short, Force: true}, c.shown(t), other.shown(t))
	if got[0].Outcome != Killed || got[1].Outcome != Ended {
		t.Errorf("%+v", got)
	}
	if c.signal(t) != syscall.SIGKILL || other.signal(t) != syscall.SIGTERM {
		t.Errorf("ended by %v and %v", c.signal(t), other.signal(t))
	}
}

// The same number, another start: it is not the process that was shown.
func TestReusedNumber(t *testing.T) {
	c := start(t, "obedient")
	p := c.shown(t)
	p.StartTicks--
	got := kill(t, Killer{Grace: short, Force: true}, p)[0]
	if got.Outcome != Replaced || !c.runs() {
		t.Errorf("%+v, runs: %v", got, c.runs())
	}
}

func TestGoneAlready(t *testing.T) {
	c := start(t, "obedient")
	p := c.shown(t)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.ended
	if got := kill(t, Killer{Grace: plenty}, p)[0]; got.Outcome != Gone || got.Err != nil {
		t.Errorf("%+v", got)
	}
}

// Who has ended but for its entry in the process table takes no signal.
func TestZombie(t *testing.T) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), roleVar+"=over")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Wait() }()
	fd, err := unix.PidfdOpen(c.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	pid := int32(c.Process.Pid)
	stat, err := statOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	l := openLedger(t)
	_, results, err := (&Killer{Ledger: l, Grace: plenty, Force: true}).Kill(t.Context(), "test", []*host.Process{{PID: pid, StartTicks: stat.start}})
	if err != nil || results[0].Outcome != Gone || results[0].Err != nil {
		t.Errorf("%+v, %v", results, err)
	}
	var body KillRecord
	if e := lastEntry(t, l, &body); e.Status != ledger.Failed || body.Totals[Gone] != 1 {
		t.Errorf("%+v, %+v", e, body)
	}
	if look := LookAt(pid); !look.Over || look.Leader != pid {
		t.Errorf("%+v", look)
	}
}

// One that is stopped gets the signal and cannot take it: that is told, and the
// record does not say that nothing was done.
func TestStopped(t *testing.T) {
	c := start(t, "obedient")
	if err := c.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus // until it is: the signal alone says nothing
	if _, err := unix.Wait4(c.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("%v, %v", status, err)
	}
	l := openLedger(t)
	_, results, err := (&Killer{Ledger: l, Grace: short}).Kill(t.Context(), "test", []*host.Process{c.shown(t)})
	if err != nil || results[0].Outcome != Running || !errors.Is(results[0].Err, ErrStopped) || !c.runs() {
		t.Errorf("%+v, %v", results, err)
	}
	var body KillRecord
	if e := lastEntry(t, l, &body); e.Status != ledger.Done || body.Processes[0].Outcome != Running || body.Processes[0].Error == "" {
		t.Errorf("%+v, %+v", e, body)
	}
	if err := c.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := c.signal(t); got != syscall.SIGTERM {
		t.Errorf("ended by %v", got)
	}
}

// A process whose first thread alone has ended is none that is over.
func TestOver(t *testing.T) {
	for _, tt := range []struct {
		stat statLine
		want bool
	}{
		{statLine{state: 'Z', threads: 1}, true}, {statLine{state: 'Z', threads: 2}, false}, {statLine{state: 'X'}, true},
		{statLine{state: 'S', threads: 1}, false}, {statLine{state: 'T', threads: 1}, false},
	} {
		if got := tt.stat.over(); got != tt.want {
			t.Errorf("%+v: %v", tt.stat, got)
		}
	}
	if !errors.Is((statLine{state: 't'}).held(), ErrTraced) || (statLine{state: 'S'}).held() != nil {
		t.Error("who is held?")
	}
}

func TestNumberOfAThread(t *testing.T) {
	c := start(t, "obedient")
	threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(c.Process.Pid), "task"))
	if err != nil {
		t.Fatal(err)
	}
	if len(threads) < 2 {
		t.Fatal("a Go program of one thread")
	}
	tid, err := strconv.Atoi(threads[len(threads)-1].Name())
	if err != nil {
		t.Fatal(err)
	}
	stat, err := statOf(int32(tid))
	if err != nil {
		t.Fatal(err)
	}
	if look := LookAt(int32(tid)); look.Leader != int32(c.Process.Pid) || look.Over || look.Shut {
		t.Errorf("%+v", look)
	}
	got := kill(t, Killer{Grace: short}, &host.Process{PID: int32(tid), StartTicks: stat.start})[0]
	if got.Outcome != Refused || !errors.Is(got.Err, errThread) || !c.runs() {
		t.Errorf("%+v", got)
	}
}

// Another user's process is refused, and lives.
func TestNotMine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: another user's process")
		return
	}
	c := start(t, "obedient")
	p := c.shown(t)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: this thread alone is nobody, and ends
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			done <- errno
			return
		}
		held, err := openProcess(p.PID, p.StartTicks)
		if err == nil {
			err = held.terminate()
			held.close()
		}
		done <- err
	}()
	if err := <-done; !errors.Is(err, ErrNotPermitted) || resultOf(err).Outcome != Refused || !c.runs() {
		t.Errorf("%v", err)
	}
}

func TestInterruptedWait(t *testing.T) {
	c := start(t, "stubborn")
	ctx, cancel := context.WithCancel(t.Context())
	k := Killer{Ledger: openLedger(t), Grace: plenty, Force: true, Notice: func(line string) {
		if strings.Contains(line, "SIGTERM") {
			cancel() // after the entry, before the wait
		}
	}}
	_, results, err := k.Kill(ctx, "test", []*host.Process{c.shown(t)})
	if !errors.Is(err, context.Canceled) || results[0].Outcome != Running || !c.runs() {
		t.Errorf("%+v, %v", results, err)
	}
	var body KillRecord // it has SIGTERM, and may end by it any time
	if e := lastEntry(t, k.Ledger, &body); e.Status != ledger.Done || body.Totals[Running] != 1 {
		t.Errorf("%+v, %+v", e, body)
	}
}

// A wait longer than poll(2) can count is still one.
func TestLongGrace(t *testing.T) {
	c := start(t, "obedient")
	const tooLong = (1<<32 + 1) * time.Millisecond // 1 ms, to who keeps 32 bits
	got := kill(t, Killer{Grace: tooLong}, c.shown(t))
	if got[0].Outcome != Ended {
		t.Errorf("%+v", got)
	}
}

// What is recorded stands there before anything happens, and tells the end.
func TestKillRecord(t *testing.T) {
	c := start(t, "obedient")
	l := openLedger(t)
	var lines []string
	k := Killer{Ledger: l, Grace: plenty, Notice: func(line string) {
		lines = append(lines, line)
		all, _ := l.Entries()
		if len(all) != 1 || all[0].Kind != KindKill || all[0].Status != "begun" {
			t.Errorf("at %q: %+v", line, all)
		}
		if len(lines) == 1 && !c.runs() {
			t.Error("it was ended before that was taken down")
		}
	}}
	if _, _, err := k.Kill(t.Context(), "state close-wait\x1b[0m", []*host.Process{c.shown(t)}); err != nil {
		t.Fatal(err)
	}
	var body KillRecord
	if e := lastEntry(t, l, &body); e.Status != "done" {
		t.Errorf("%+v", e)
	}
	if body.Asked != `state close-wait\x1b[0m` || len(body.Processes) != 1 || body.Processes[0].Outcome != Ended ||
		body.Processes[0].StartTicks == 0 || body.Totals[Ended] != 1 {
		t.Errorf("%+v", body)
	}
	if len(lines) != 2 || !strings.Contains(lines[0], "SIGTERM to process "+strconv.Itoa(c.Process.Pid)) || !strings.Contains(lines[1], "ended 1") {
		t.Errorf("%q", lines)
	}
}

// In a pid namespace of its own, with the /proc of another, every number there
// means somebody else.
func TestProcOfAnotherNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: a pid namespace")
		return
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=elsewhere")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil || string(out) != "true true\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestGuardOfThisProcess(t *testing.T) {
	g, err := NewGuard()
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, "obedient")
	for _, tt := range []struct {
		p    *host.Process
		want Why
	}{
		{&host.Process{PID: int32(os.Getpid()), StartTicks: 1}, Own},
		{&host.Process{PID: int32(os.Getppid()), StartTicks: 1}, Ancestor},
		{&host.Process{PID: 1, StartTicks: 1}, Init},
		{c.shown(t), NoReason},
		{&host.Process{PID: int32(c.Process.Pid)}, NoIdentity},
	} {
		if got := g.Process(tt.p); got != tt.want {
			t.Errorf("process %d: %q, want %q", tt.p.PID, got, tt.want)
		}
	}
	if name, err := os.ReadFile("/proc/2/comm"); err == nil && string(name) == "kthreadd\n" {
		if got := g.Process(&host.Process{PID: 2, StartTicks: 1}); got != Kernel {
			t.Errorf("kthreadd: %q", got)
		}
	}
}

func TestParseStat(t *testing.T) {
	const rest = " S 7 1 1 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"
	for text, want := range map[string]statLine{
		"12 (a) b (c))" + rest: {'S', 7, 2097216, 1, 4711},
		"12 (" + rest:          {},
		"":                     {},
		"12 (x) S 1":           {},
		"12 (x) S x 1 1 0 -1 x 0 0 0 0 0 0 0 0 20 0 1 0 x 0 0": {},
	} {
		got, err := parseStat([]byte(text))
		if (err == nil) != (want != statLine{}) || err == nil && got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
