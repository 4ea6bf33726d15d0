package act

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"sockeye/internal/host"
	"sockeye/internal/ledger"
)

// The processes that are ended here are this test program, in a role.
const roleVar = "SOCKEYE_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVar) == "" {
		os.Exit(m.Run())
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// child is a process that this test started.
type child struct {
	*exec.Cmd
	ended chan struct{}
}

// start runs this program in a role until it is ended, by the test's end at the latest.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), roleVar+"=waits")
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

func (c *child) pid() int32 { return int32(c.Process.Pid) }

func (c *child) runs(t *testing.T) bool {
	t.Helper()
	h, err := open(c.pid(), windows.SYNCHRONIZE|windows.PROCESS_QUERY_LIMITED_INFORMATION)
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	return !over(h)
}

// shown is the child as Inspect shows it.
func (c *child) shown(t *testing.T) *host.Process {
	t.Helper()
	p := Inspect(c.pid())
	if p == nil || p.StartTicks == 0 {
		t.Fatalf("%+v", p)
	}
	return p
}

const plenty = time.Minute

func end(t *testing.T, list ...*host.Process) ([]Result, *KillRecord, ledger.Entry) {
	t.Helper()
	l := openLedger(t)
	_, results, err := (&Killer{Ledger: l, Grace: plenty, Force: true}).End(t.Context(), "test", list)
	if err != nil {
		t.Fatal(err)
	}
	var body KillRecord
	e := lastEntry(t, l, &body)
	return results, &body, e
}

func TestEnd(t *testing.T) {
	a, b, other := start(t), start(t), start(t)
	results, body, e := end(t, a.shown(t), b.shown(t))
	if !slices.Equal(outcomes(results), []Outcome{Killed, Killed}) || results[0].Err != nil {
		t.Errorf("%+v", results)
	}
	<-a.ended
	if code := a.ProcessState.ExitCode(); code != 1 || a.runs(t) || !other.runs(t) {
		t.Errorf("exit code %d; it runs: %v, the other: %v", code, a.runs(t), other.runs(t))
	}
	if e.Status != ledger.Done || body.Totals[Killed] != 2 || body.Processes[0].StartTicks == 0 || !body.Force {
		t.Errorf("%+v, %+v", e, body)
	}
}

// Nothing but force ends a process here, and without it nothing is begun.
func TestEndTakesForce(t *testing.T) {
	c := start(t)
	l := openLedger(t)
	for name, do := range map[string]func(context.Context, string, []*host.Process) (uint64, []Result, error){
		"End": (&Killer{Ledger: l}).End, "Kill": (&Killer{Ledger: l, Force: true}).Kill,
	} {
		_, results, err := do(t.Context(), "test", []*host.Process{c.shown(t)})
		if len(results) > 0 {
			err = errors.Join(err, results[0].Err)
		}
		if !errors.Is(err, ErrOnlyByForce) || !c.runs(t) {
			t.Errorf("%s: %+v, %v", name, results, err)
		}
	}
}

// The same number, another start: it is not the process that was shown.
func TestReusedNumber(t *testing.T) {
	c := start(t)
	p := c.shown(t)
	p.StartTicks--
	if results, _, e := end(t, p); results[0].Outcome != Replaced || e.Status != ledger.Failed || !c.runs(t) {
		t.Errorf("%+v, %+v", results, e)
	}
}

// Windows opens a process by the three numbers behind its own, too.
func TestNumberBeside(t *testing.T) {
	c := start(t)
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(c.pid())+1)
	if err != nil {
		t.Fatalf("the system looks at all bits of a number: %v", err)
	}
	_ = windows.CloseHandle(h)
	p := c.shown(t)
	p.PID++
	if results, _, _ := end(t, p); results[0].Outcome != Gone || !c.runs(t) || Inspect(p.PID) != nil {
		t.Errorf("%+v", results)
	}
}

// A process that has ended stays in the table while somebody has a handle of it.
func TestGoneAlready(t *testing.T) {
	c := start(t)
	p := c.shown(t)
	h, err := open(c.pid(), windows.SYNCHRONIZE|windows.PROCESS_QUERY_LIMITED_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.ended
	if results, _, e := end(t, p); results[0].Outcome != Gone || results[0].Err != nil || e.Status != ledger.Failed {
		t.Errorf("%+v, %+v", results, e)
	}
	if got := Inspect(c.pid()); got != nil {
		t.Errorf("%+v", got)
	}
}

// A wait ends with its context and with its patience, and says what has ended.
func TestAwait(t *testing.T) {
	c, other := start(t), start(t)
	var held []*process
	for _, p := range []*host.Process{c.shown(t), other.shown(t)} {
		h, err := openProcess(p.PID, p.StartTicks)
		if err != nil {
			t.Fatal(err)
		}
		defer h.close()
		held = append(held, h)
	}
	results := []Result{{Outcome: Running}, {Outcome: Running}}
	if err := await(t.Context(), held, results, Killed, 0); err != nil || results[0].Outcome != Running {
		t.Errorf("no patience: %+v, %v", results, err)
	}
	if err := held[1].kill(); err != nil {
		t.Fatal(err)
	}
	<-other.ended
	if err := await(t.Context(), held, results, Killed, time.Millisecond); err != nil || !slices.Equal(outcomes(results), []Outcome{Running, Killed}) {
		t.Errorf("one of two: %+v, %v", results, err)
	}
	if err := held[1].kill(); !errors.Is(err, errNoProcess) {
		t.Errorf("ended already: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := await(ctx, held, results, Killed, plenty); !errors.Is(err, context.Canceled) || results[0].Outcome != Running {
		t.Errorf("interrupted: %+v, %v", results, err)
	}
}

func TestInspect(t *testing.T) {
	before := time.Now()
	c := start(t, "--flag", `two words`, `a"b`)
	p := c.shown(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.EqualFold(p.Exe, exe) || !slices.Equal(p.Cmdline[1:], []string{"--flag", "two words", `a"b`}) || p.PPID != int32(os.Getpid()) {
		t.Errorf("%+v", p)
	}
	if p.Started.Before(before.Add(-time.Second)) || p.Started.After(time.Now().Add(time.Second)) {
		t.Errorf("started %v, at %v", p.Started, before)
	}
	if name, _, _ := strings.Cut(p.Name, "."); p.User == "" || name == "" || p.Unit != "" {
		t.Errorf("%+v", p)
	}
	for _, pid := range []int32{0, -1, 1, c.pid() + 2} {
		if got := Inspect(pid); got != nil && pid != idlePID {
			t.Errorf("%d: %+v", pid, got)
		}
	}
}

func TestGuardOfThisProcess(t *testing.T) {
	g, err := NewGuard()
	if err != nil {
		t.Fatal(err)
	}
	c := start(t)
	for _, tt := range []struct {
		p    *host.Process
		want Why
	}{
		{&host.Process{PID: int32(os.Getpid()), StartTicks: 1}, Own},
		{&host.Process{PID: systemPID, StartTicks: 1}, Kernel},
		{c.shown(t), NoReason},
		{&host.Process{PID: c.pid()}, NoIdentity},
	} {
		if got := g.Process(tt.p); got != tt.want {
			t.Errorf("process %d: %q, want %q", tt.p.PID, got, tt.want)
		}
	}
	// What Windows is, and what it only runs.
	table, err := processTable()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for pid, e := range table {
		if strings.EqualFold(e.name, "services.exe") {
			seen++
			if got := g.Process(&host.Process{PID: pid, StartTicks: 1}); got != Kernel {
				t.Errorf("services.exe: %q", got)
			}
		}
	}
	hosts := 0 // of services that Windows cannot do without
	for pid := range table {
		for _, name := range servicesOf(pid) {
			if !slices.Contains(criticalServices, name) {
				continue
			}
			hosts++
			if got := g.Process(&host.Process{PID: pid, StartTicks: 1}); got != Kernel {
				t.Errorf("%s in process %d: %q", name, pid, got)
			}
			if p := Inspect(pid); p == nil || !strings.Contains(p.Unit, name) {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
	if seen == 0 || hosts == 0 {
		t.Errorf("%d service managers, %d hosts of critical services", seen, hosts)
	}
}

// A parent's number that another process has by now, one that nobody has, and a ring.
func TestAncestors(t *testing.T) {
	table := map[int32]listed{}
	for pid, parent := range map[int32]int32{100: 80, 80: 60, 60: 40, 40: 20, 200: 180, 180: 4242, 300: 320, 320: 300, 400: 420, 420: 440, 440: 4} {
		table[pid] = listed{pid, parent, strconv.Itoa(int(pid))}
	}
	began := map[int32]uint64{100: 9, 80: 8, 60: 7, 40: 8, 200: 9, 180: 8, 300: 5, 320: 5, 400: 9, 440: 1}
	started := func(pid int32) (uint64, error) {
		if began[pid] == 0 {
			return 0, windows.ERROR_ACCESS_DENIED
		}
		return began[pid], nil
	}
	for pid, want := range map[int32][]int32{100: {80, 60}, 200: {180}, 300: {320, 300}, 400: {420}} {
		if got := ancestors(table, pid, started); !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", pid, got, want)
		}
	}
}
