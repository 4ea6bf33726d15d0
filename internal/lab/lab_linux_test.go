package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// The test binary is the lab's processes too, as Sockeye itself is, and a
// starter that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "lab" {
		if os.Args[2] == "run" {
			os.Exit(runForTest(os.Args[3]))
		}
		os.Exit(Child(context.Background(), os.Args[2:]))
	}
	os.Exit(m.Run())
}

// runForTest plays a scenario until it is interrupted; it prints one line, what
// Ready holds or why it did not come about.
func runForTest(name string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run, err := Start(ctx, name, Options{Stderr: os.Stderr, Hold: 2 * time.Minute})
	answer := starterLine{}
	if err != nil {
		answer.Err, answer.NotAllowed, answer.Impossible = err.Error(), errors.Is(err, ErrNotAllowed), errors.Is(err, ErrImpossible)
	} else {
		answer.Ready = &run.Ready
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil || answer.Err != "" {
		return 1
	}
	<-run.Done()
	return 0
}

type starterLine struct {
	Ready                  *Ready
	Err                    string
	NotAllowed, Impossible bool
}

// holding says who must hold how many sockets in a state when a picture stands;
// role "" is nobody.
type holding struct {
	role  string
	state tcp.State
	least int
}

var pictures = map[string][]holding{
	"accept-queue-overflow":   {{"server", tcp.Listen, 1}, {"client", tcp.SynSent, 1}, {"", tcp.Established, 8}},
	"address-in-use":          {{"first", tcp.Listen, 1}},
	"bind-port-exhaustion":    {{"", tcp.TimeWait, 190}, {"client", tcp.Established, 2}},
	"busy-web-server":         {{"", tcp.TimeWait, 20_000}, {"client", tcp.Established, 10}},
	"close-wait-leak":         {{"client", tcp.CloseWait, 100}},
	"connection-leak":         {{"client", tcp.Established, 50}, {"server", tcp.Established, 50}},
	"connection-scan":         {{"scanner", tcp.SynSent, 60}},
	"conntrack-full":          {{"client", tcp.SynSent, 5}},
	"fd-exhaustion":           {{"client", tcp.Established, 300}, {"server", tcp.Established, 200}, {"", tcp.Established, 20}},
	"fin-wait-2-held":         {{"client", tcp.FinWait2, 60}},
	"ftp":                     {{"ftpd", tcp.Listen, 1}, {"", tcp.TimeWait, 2}},
	"half-open-connections":   {{"client", tcp.Established, 30}},
	"idle-pool":               {{"client", tcp.Established, 20}},
	"linger-reset":            {{"server", tcp.Listen, 1}},
	"many-destinations":       {{"", tcp.TimeWait, 5_500}},
	"never-accepted":          {{"", tcp.CloseWait, 60}, {"server", tcp.Listen, 1}},
	"port-exhaustion":         {{"", tcp.TimeWait, 190}, {"client", tcp.Established, 1}},
	"refused":                 nil,
	"reserved-ports":          {{"", tcp.TimeWait, 18}, {"client", tcp.Established, 1}},
	"retry-storm":             nil,
	"self-connect":            {{"client", tcp.Established, 1}},
	"short-lived-connections": {{"", tcp.TimeWait, 150}, {"client", tcp.Established, 1}},
	"slow-peer":               {{"sender", tcp.Established, 5}},
	"slow-reader":             {{"client", tcp.Established, 5}, {"server", tcp.Established, 5}},
	"states": {{"server", tcp.Listen, 1}, {"client", tcp.SynSent, 1}, {"", tcp.SynReceived, 1}, {"client", tcp.Established, 1},
		{"client", tcp.FinWait1, 1}, {"client", tcp.FinWait2, 2}, {"", tcp.TimeWait, 1}, {"server", tcp.CloseWait, 1}, {"client", tcp.LastAck, 1}, {"client", tcp.Closing, 1}},
	"stuck-closing":           {{"", tcp.FinWait1, 30}},
	"suspicious-process":      {{"cr0nd", tcp.Established, 1}},
	"syn-queue-pressure":      {{"", tcp.SynReceived, 60}, {"server", tcp.Listen, 1}},
	"time-wait-buckets-full":  {{"", tcp.TimeWait, 49}, {"client", tcp.Established, 1}},
	"unconnected-socket-leak": nil,
	"unreachable-destination": {{"client", tcp.SynSent, 40}},
}

// particulars are what no TCP table shows.
var particulars = map[string]func(t *testing.T, r *Ready, l *look){
	"fd-exhaustion": func(t *testing.T, r *Ready, _ *look) {
		if n := openFiles(t, r.PID("server")); n < 250 || n > 256 {
			t.Errorf("server holds %d files, want its limit of 256 nearly reached", n)
		}
	},
	"unconnected-socket-leak": func(t *testing.T, r *Ready, l *look) {
		if n := openFiles(t, r.PID("client")); n < 100 {
			t.Errorf("client holds %d files, want at least 100", n)
		}
		if len(l.sockets) != 0 {
			t.Errorf("%d sockets in the TCP table, want none", len(l.sockets))
		}
	},
	"suspicious-process": func(t *testing.T, r *Ready, _ *look) {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.PID("cr0nd")))
		if err != nil || !strings.HasSuffix(exe, "/cr0nd (deleted)") {
			t.Errorf("exe = %q, %v; want a deleted file cr0nd", exe, err)
		}
		for _, dir := range []string{"/var/tmp", "/dev/shm"} {
			if _, err := os.Stat(filepath.Join(dir, "cr0nd")); err == nil {
				t.Errorf("%s/cr0nd exists outside the lab", dir)
			}
		}
	},
	"self-connect": func(t *testing.T, _ *Ready, l *look) {
		if l.count(tcp.Established, isSelfConnected) != 1 {
			t.Error("no socket is connected to itself")
		}
	},
	"conntrack-full": func(t *testing.T, r *Ready, _ *look) {
		want, err := trackedFlows()
		if err != nil {
			t.Fatal(err)
		}
		// One line for each CPU: entries in hex, the same on each.
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/stat/nf_conntrack", r.PID("client")))
		if err != nil {
			t.Fatal(err)
		}
		var entries int
		if _, err := fmt.Sscanf(strings.SplitN(string(text), "\n", 3)[1], "%x", &entries); err != nil || entries < want*99/100 {
			t.Errorf("%d connections tracked (%v), want about %d", entries, err, want)
		}
	},
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// TestScenarios plays every scenario, looks at its picture from outside, kills
// its starter and sees that nothing is left.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			want, ok := pictures[s.name]
			if !ok {
				t.Fatal("no picture to compare with")
			}
			began := time.Now()
			starter, ready := startForTest(t, s.name)
			t.Logf("stands after %v", time.Since(began).Round(10*time.Millisecond))
			l, err := takeLook(fmt.Sprintf("/proc/%d/net", ready.Roles[0].PID), ready.Roles)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range want {
				if n := l.count(h.state, func(s *tcp.Socket) bool { return l.holders[s.Inode] == h.role }); n < h.least {
					t.Errorf("%d sockets in %v held by %q, want at least %d", n, h.state, h.role, h.least)
				}
			}
			if check := particulars[s.name]; check != nil {
				check(t, ready, l)
			}
			if s.expect.Culprit != "" && ready.PID(s.expect.Culprit) == 0 {
				t.Errorf("the culprit %q is no role", s.expect.Culprit)
			}
			endForTest(t, starter, ready, syscall.SIGKILL)
		})
	}
}

// TestInterrupted ends a run as Ctrl-C does.
func TestInterrupted(t *testing.T) {
	for _, name := range []string{"states", "port-exhaustion", "suspicious-process"} {
		t.Run(name, func(t *testing.T) {
			starter, ready := startForTest(t, name)
			endForTest(t, starter, ready, syscall.SIGINT)
		})
	}
}

// startForTest starts a scenario in a process of its own.
func startForTest(t *testing.T, name string) (*exec.Cmd, *Ready) {
	t.Helper()
	starter := exec.Command("/proc/self/exe", "lab", "run", name)
	var crashes bytes.Buffer // of any process of the run: a panic, a data race
	starter.Stderr = &crashes
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = starter.Process.Kill()
		_ = starter.Wait()
		if crashes.Len() > 0 {
			t.Errorf("a process of the run said on stderr:\n%s", crashes.Bytes())
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the starter said nothing: %v", err)
	}
	var answer starterLine
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	switch {
	case answer.NotAllowed && os.Getuid() != 0:
		t.Skip("needs root:", answer.Err)
	case answer.Impossible:
		t.Skip(answer.Err)
	case answer.Err != "":
		t.Fatal(answer.Err)
	}
	return starter, answer.Ready
}

// endForTest ends a run by a signal to its starter, and waits for each of its
// processes to end.
func endForTest(t *testing.T, starter *exec.Cmd, ready *Ready, sig syscall.Signal) {
	t.Helper()
	// Held open, the namespace keeps its inode: once it is gone the number goes to
	// the next one made, perhaps by another test.
	held, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", ready.Roles[0].PID))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	fds := make([]unix.PollFd, 0, len(ready.Roles))
	for _, r := range ready.Roles {
		fd, err := unix.PidfdOpen(r.PID, 0)
		if err != nil {
			t.Fatalf("role %s is gone already: %v", r.Name, err)
		}
		defer unix.Close(fd)
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	if err := starter.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	for i := range fds {
		n, err := unix.Poll(fds[i:i+1], 5000)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll(fds[i:i+1], 5000)
		}
		if n != 1 {
			t.Errorf("role %s is still alive after 5 s (%v)", ready.Roles[i].Name, err)
		}
	}
	_ = starter.Wait()
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if ns, _ := os.Readlink(link); ns == fmt.Sprintf("net:[%d]", ready.NetNS) {
			t.Errorf("%s still lives in the namespace of the lab", link)
		}
	}
}

// TestStop plays in this very process, twice the same and one that cannot be.
func TestStop(t *testing.T) {
	if _, err := Start(t.Context(), "no-such", Options{}); !errors.Is(err, ErrUnknownScenario) {
		t.Errorf("err = %v, want ErrUnknownScenario", err)
	}
	for range 2 {
		var steps int
		run, err := Start(t.Context(), "idle-pool", Options{On: func(e Event) {
			if e.Kind == EventStep {
				steps++
			}
		}})
		if errors.Is(err, ErrNotAllowed) && os.Getuid() != 0 {
			t.Skip("needs root:", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		pid := run.Ready.PID("client")
		if err := run.Stop(); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("client %d after Stop: %v, want ESRCH", pid, err)
		}
		if steps == 0 {
			t.Error("no step was told")
		}
	}
}

// TestRoleDies kills a role under a standing picture: it is told, and the rest stays.
func TestRoleDies(t *testing.T) {
	died := make(chan string, 1)
	run, err := Start(t.Context(), "idle-pool", Options{On: func(e Event) {
		if e.Kind == EventDied {
			died <- e.Role
		}
	}})
	if errors.Is(err, ErrNotAllowed) && os.Getuid() != 0 {
		t.Skip("needs root:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop()
	if err := syscall.Kill(run.Ready.PID("client"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case role := <-died:
		if role != "client" {
			t.Errorf("%q died, want client", role)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody told of the death")
	}
	if err := syscall.Kill(run.Ready.PID("server"), 0); err != nil {
		t.Errorf("server: %v, want alive", err)
	}
}

// TestHold sees a run end by itself.
func TestHold(t *testing.T) {
	run, err := Start(t.Context(), "idle-pool", Options{Hold: 50 * time.Millisecond})
	if errors.Is(err, ErrNotAllowed) && os.Getuid() != 0 {
		t.Skip("needs root:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-run.Done():
	case <-time.After(10 * time.Second):
		t.Error("the picture is held without end")
		_ = run.Stop()
	}
}
