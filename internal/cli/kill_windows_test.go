package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/ledger"
)

// TestMain: with this variable set the test program is one that waits to be ended.
func TestMain(m *testing.M) {
	if os.Getenv("SOCKEYE_TEST_ROLE") == "" {
		os.Exit(m.Run())
	}
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// waiting starts such a program, which ends with the test at the latest.
func waiting(t *testing.T, args ...string) (pid string, ended <-chan struct{}) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "SOCKEYE_TEST_ROLE=waits")
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
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-over
	})
	return strconv.Itoa(cmd.Process.Pid), over
}

// typed runs a whole command line of the program as it is.
func typed(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	app := App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk, Getenv: func(string) string { return "" }, Width: 100}
	code = execute(t.Context(), newRoot(app), args, app)
	return code, out.String(), talk.String()
}

// A process is shown, is refused without force, and is ended with it; the record
// tells of it.
func TestKillOnWindows(t *testing.T) {
	pid, ended := waiting(t, "serve", "--port", "80 80")
	state := filepath.Join(t.TempDir(), "state")
	code, out, talk := typed(t, "kill", pid, "--dry-run", "--format", "json", "--state", state)
	var doc killJSON
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 || len(doc.Processes) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, talk)
	}
	p := doc.Processes[0]
	if p.Exe == nil || p.Cmdline == nil || !strings.HasSuffix(*p.Cmdline, "80 80") || p.User == nil || p.Started == nil || p.Sockets != nil ||
		p.Unit != nil || p.NetNS != nil || p.Outcome != "would-end" {
		t.Errorf("%s", out)
	}
	if !strings.Contains(talk, "not read on Windows yet") {
		t.Errorf("%s", talk)
	}
	code, out, talk = typed(t, "kill", pid, "--yes", "--state", state)
	if code != exitNothing || out != "" || !strings.Contains(talk, "--force ends it at once") || !strings.Contains(talk, "Ctrl-C") {
		t.Errorf("without force: exit code %d: %s%s", code, out, talk)
	}
	if _, err := ledger.Read(state); err == nil {
		t.Error("a record of nothing")
	}
	code, out, talk = typed(t, "kill", pid, "--force", "--yes", "--state", state)
	if code != 0 || !strings.Contains(out, "ended (TerminateProcess)") || !strings.Contains(talk, "event log of Windows") {
		t.Errorf("exit code %d: %s%s", code, out, talk)
	}
	<-ended
	l, err := ledger.Read(state)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var body act.KillRecord
	all, damaged := l.Entries()
	if len(all) != 1 || len(damaged) != 0 || all[0].Status != ledger.Done || json.Unmarshal(all[0].Body, &body) != nil || body.Totals[act.Killed] != 1 {
		t.Errorf("%+v, %v", all, damaged)
	}
	code, _, talk = typed(t, "kill", pid, "--force", "--yes", "--state", state)
	if code != exitNothing || !strings.Contains(talk, "tasklist") {
		t.Errorf("a second time: exit code %d: %s", code, talk)
	}
}

// What Windows needs, who runs this, and what cannot be looked up is left alone.
func TestKillOnWindowsSpares(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for name, tt := range map[string]struct {
		args []string
		said string
	}{
		"itself":   {[]string{self}, "Sockeye itself"},
		"a filter": {[]string{"state", "close-wait"}, "netstat -ano"},
		"nobody":   {[]string{"0"}, "no process 0"},
	} {
		code, out, talk := typed(t, append(append([]string{"kill"}, tt.args...), "--force", "--yes", "--state", t.TempDir())...)
		if code != exitNothing || out != "" || !strings.Contains(talk, tt.said) {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, talk)
		}
	}
	code, _, talk := typed(t, "close", "state", "close-wait", "--yes", "--state", t.TempDir())
	if code != exitFailed || !strings.Contains(talk, "reading sockets live is not supported") {
		t.Errorf("close: exit code %d: %s", code, talk)
	}
}

// A service's name stands in a command only where it means nothing to a shell.
func TestServiceNames(t *testing.T) {
	for unit, want := range map[string]int{"": 0, "Spooler": 1, "EventLog, Dhcp": 2, "My Service": 1, `x" & calc "`: 0, "x|y": 0, "\u202ex": 0} {
		if got := serviceNames(&host.Process{Unit: unit}); len(got) != want {
			t.Errorf("%q: %q", unit, got)
		}
	}
}

func TestStateHere(t *testing.T) {
	if dir := stateHere(); !filepath.IsAbs(dir) || !strings.HasSuffix(dir, `ProgramData\sockeye`) {
		t.Errorf("%q", dir)
	}
}
