package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/collect"
)

// runs runs sockeye and returns what it printed; another exit code fails the test.
func runs(t *testing.T, wantCode int, args ...string) string {
	t.Helper()
	cmd := exec.Command("sockeye", args...)
	out, err := cmd.CombinedOutput()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != wantCode {
		t.Fatalf("sockeye %s: code %d, want %d\n%s", strings.Join(args, " "), code, wantCode, out)
	}
	return string(out)
}

// within runs do inside of the scenario's network namespace.
func (r *ready) within(t *testing.T, do func() error) error {
	t.Helper()
	inode, err := strconv.ParseUint(r.NetNS, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return collect.InNetNS(inode, do)
}

// setting is a value of that namespace.
func (r *ready) setting(t *testing.T, name string) (value string) {
	t.Helper()
	err := r.within(t, func() error {
		data, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		value = strings.Join(strings.Fields(string(data)), " ")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// connects makes one connection to the scenario's destination.
func (r *ready) connects(t *testing.T) error {
	t.Helper()
	return r.within(t, func() error {
		to, err := net.ResolveTCPAddr("tcp", r.Expect.Destination)
		if err != nil {
			return err
		}
		// By system calls: a goroutine of its own would be on another thread.
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())})
	})
}

// TestTuneCuresPortExhaustion is the README's walk-through: a program has used up
// its local ports, apply gives it more and proves it, rollback takes them back.
func TestTuneCuresPortExhaustion(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays a fault in a private network namespace")
	}
	r := stand(t, "port-exhaustion")
	if v := examine(t, r); v.finding("port-exhaustion") == nil {
		t.Fatal("the doctor does not say that ports are used up")
	}
	if err := r.connects(t); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Fatalf("a connect before: %v, want EADDRNOTAVAIL", err)
	}
	const portRange, reuse = "net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"
	was := map[string]string{portRange: r.setting(t, portRange), reuse: r.setting(t, reuse)}
	state := filepath.Join(t.TempDir(), "state")
	here := []string{"--netns", strconv.Itoa(anyPID(r)), "--state", state}

	if out := runs(t, 1, append([]string{"tune", "apply"}, here...)...); !strings.Contains(out, "dry run") {
		t.Errorf("without --yes and without a terminal it says\n%s", out)
	}
	for name, value := range was {
		if now := r.setting(t, name); now != value {
			t.Errorf("a dry run made %s %s, it was %s", name, now, value)
		}
	}
	if out := runs(t, 0, append([]string{"tune", "apply", "--yes", "--prove", "60s"}, here...)...); !strings.Contains(out, "proven") {
		t.Errorf("apply says\n%s", out)
	}
	if now := r.setting(t, portRange); now == was[portRange] {
		t.Errorf("%s is still %s", portRange, now)
	}
	if err := r.connects(t); err != nil {
		t.Errorf("a connect afterwards: %v", err)
	}
	if v := examine(t, r); v.finding("port-exhaustion") != nil {
		t.Error("the doctor still says that ports are used up")
	}
	var status struct {
		Entries []struct {
			Entry struct {
				Status string `json:"status"`
			} `json:"entry"`
			Record struct {
				Proof string `json:"proof"`
			} `json:"record"`
			Changes []struct {
				How string `json:"how"`
			} `json:"changes"`
		} `json:"entries"`
	}
	if err := json.Unmarshal([]byte(runs(t, 0, "tune", "status", "--state", state, "--format", "json")), &status); err != nil {
		t.Fatal(err)
	}
	if len(status.Entries) != 1 || status.Entries[0].Entry.Status != "done" || status.Entries[0].Record.Proof != "fell" || status.Entries[0].Changes[0].How != "in-force" {
		t.Errorf("%+v", status)
	}
	runs(t, 0, "tune", "rollback", "1", "--state", state)
	for name, value := range was {
		if now := r.setting(t, name); now != value {
			t.Errorf("after the rollback %s is %s, it was %s", name, now, value)
		}
	}
	runs(t, 1, "tune", "rollback", "--all", "--state", state)
}

// Ctrl-C while the change is being proven takes it back.
func TestTuneTakesBackWhenInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays a fault in a private network namespace")
	}
	r := stand(t, "port-exhaustion")
	const reuse = "net.ipv4.tcp_tw_reuse"
	was := r.setting(t, reuse)
	state := filepath.Join(t.TempDir(), "state")
	if code, said := r.endedWhileProving(t, state, os.Interrupt); code != 130 || !strings.Contains(said, "taken back") {
		t.Errorf("code %d, it says\n%s", code, said)
	}
	if now := r.setting(t, reuse); now != was {
		t.Errorf("%s is %s, it was %s", reuse, now, was)
	}
	if out := runs(t, 0, "tune", "status", "--state", state, "--all"); !strings.Contains(out, "rolled-back") {
		t.Errorf("status says\n%s", out)
	}
}

// Killed while the change is being proven, the next run takes it back.
func TestTuneTakesBackWhenKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays a fault in a private network namespace")
	}
	r := stand(t, "port-exhaustion")
	const reuse = "net.ipv4.tcp_tw_reuse"
	was := r.setting(t, reuse)
	state := filepath.Join(t.TempDir(), "state")
	r.endedWhileProving(t, state, os.Kill)
	if now := r.setting(t, reuse); now == was {
		t.Fatal("it was taken back by itself: the test is wrong")
	}
	if out := runs(t, 0, "tune", "status", "--state", state); !strings.Contains(out, "interrupted before it was done and proven") {
		t.Errorf("status says\n%s", out)
	}
	// The plan is made of what was before, and proven anew.
	if out := runs(t, 0, "tune", "apply", "--yes", "--prove", "20s", "--netns", strconv.Itoa(anyPID(r)), "--state", state); !strings.Contains(out, "entry 1 taken back") || !strings.Contains(out, "changed 2 settings: entry 2") {
		t.Errorf("the next run says\n%s", out)
	}
	runs(t, 0, "tune", "rollback", "2", "--state", state)
	if now := r.setting(t, reuse); now != was {
		t.Errorf("%s is %s, it was %s", reuse, now, was)
	}
}

// endedWhileProving lets apply change the settings of a scenario, and sends a signal as
// soon as it watches them.
func (r *ready) endedWhileProving(t *testing.T, state string, sig os.Signal) (code int, said string) {
	t.Helper()
	const reuse = "net.ipv4.tcp_tw_reuse"
	was := r.setting(t, reuse)
	cmd := exec.Command("sockeye", "tune", "apply", "--yes", "--prove", "10m", "--netns", strconv.Itoa(anyPID(r)), "--state", state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "watching ") {
			if now := r.setting(t, reuse); now == was {
				t.Errorf("%s is still %s", reuse, now)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), said
}

func (v *verdict) finding(id string) *findingJSON {
	for i := range v.Findings {
		if v.Findings[i].ID == id {
			return &v.Findings[i]
		}
	}
	return nil
}
