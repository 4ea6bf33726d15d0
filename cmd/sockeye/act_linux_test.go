package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// actJSON is what this test reads of 'close' and 'kill' with --format json.
type actJSON struct {
	Entry   *uint64 `json:"entry"`
	Sockets []struct {
		State   string  `json:"state"`
		PID     int     `json:"pid"`
		Cookie  uint64  `json:"cookie"`
		Outcome string  `json:"outcome"`
		Spared  *string `json:"spared"`
	} `json:"sockets"`
	Processes []struct {
		PID     int     `json:"pid"`
		Process string  `json:"process"`
		Sockets int     `json:"sockets"`
		Outcome string  `json:"outcome"`
		Spared  *string `json:"spared"`
	} `json:"processes"`
}

// outcomes counts them.
func (a *actJSON) outcomes() map[string]int {
	n := map[string]int{}
	for _, s := range a.Sockets {
		n[s.Outcome]++
	}
	for _, p := range a.Processes {
		n[p.Outcome]++
	}
	return n
}

// acts runs close or kill on a scenario's namespace.
func (r *ready) acts(t *testing.T, wantCode int, args ...string) (said actJSON, stderr string) {
	t.Helper()
	args = append(args, "--netns", strconv.Itoa(r.Roles[0].PID), "--format", "json")
	cmd := exec.Command("sockeye", args...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != wantCode {
		t.Fatalf("sockeye %s: code %d, want %d\n%s%s", strings.Join(args, " "), code, wantCode, &out, &talk)
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &said); err != nil {
			t.Fatalf("sockeye %s: %v\n%s", strings.Join(args, " "), err, &out)
		}
	}
	return said, talk.String()
}

// TestCloseAndKill cures a program that leaks connections: what leaked is closed,
// its listener is not, and at last the program is ended.
func TestCloseAndKill(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: plays a fault in a private network namespace")
		return
	}
	state := filepath.Join(t.TempDir(), "state")
	r := stand(t, "close-wait-leak")
	leaked, _ := r.acts(t, 0, "close", "state", "close-wait", "--dry-run")
	n := len(leaked.Sockets)
	if n < 2 || leaked.outcomes()["would-close"] != n || leaked.Entry != nil {
		t.Fatalf("%+v", leaked)
	}
	culprit := leaked.Sockets[0].PID

	// Nothing happens without a yes, and not to more than was meant.
	_, talk := r.acts(t, 1, "close", "state", "close-wait", "--limit", "100000", "--state", state)
	if !strings.Contains(talk, "nobody can be asked here") {
		t.Errorf("%s", talk)
	}
	_, talk = r.acts(t, 1, "close", "state", "close-wait", "--yes", "--limit", "1", "--state", state)
	if !strings.Contains(talk, "nothing was done") {
		t.Errorf("%s", talk)
	}
	// Listeners match, and are spared.
	all, _ := r.acts(t, 0, "close", "pid", strconv.Itoa(culprit), "--dry-run")
	for _, s := range all.Sockets {
		if s.State == "LISTEN" && (s.Spared == nil || *s.Spared != "listener") || s.State == "CLOSE_WAIT" && s.Outcome != "would-close" {
			t.Errorf("%+v", s)
		}
	}

	closed, talk := r.acts(t, 0, "close", "state", "close-wait", "pid", strconv.Itoa(culprit), "--yes",
		"--limit", "100000", "--rate", "5000/s", "--state", state)
	if closed.outcomes()["destroyed"] != len(closed.Sockets) || len(closed.Sockets) == 0 || closed.Entry == nil {
		t.Errorf("%v of %d", closed.outcomes(), len(closed.Sockets))
	}
	if !strings.Contains(talk, "("+strconv.Itoa(culprit)+"): the kernel's part is freed, but the program's descriptors stay open") {
		t.Errorf("%s", talk)
	}
	// The program goes on leaking. Of what was closed it has the descriptors only: no
	// connection, and no port.
	cookies := map[uint64]bool{}
	for _, s := range closed.Sockets {
		cookies[s.Cookie] = true
	}
	kept := 0
	again, _ := r.acts(t, 0, "close", "state", "all", "--dry-run")
	for _, s := range again.Sockets {
		if cookies[s.Cookie] {
			if kept++; s.State != "CLOSED" || s.PID != culprit {
				t.Errorf("it is still there: %+v", s)
			}
		}
	}
	if kept != len(cookies) {
		t.Errorf("%d descriptors of %d are open", kept, len(cookies))
	}

	who, _ := r.acts(t, 0, "kill", "state", "close-wait", "pid", strconv.Itoa(culprit), "--dry-run")
	if len(who.Processes) != 1 || who.Processes[0].PID != culprit || who.Processes[0].Outcome != "would-end" || who.Processes[0].Sockets == 0 {
		t.Fatalf("%+v", who)
	}
	ended, _ := r.acts(t, 0, "kill", "state", "close-wait", "pid", strconv.Itoa(culprit), "--yes", "--force", "--grace", "1s", "--state", state)
	if len(ended.Processes) != 1 || ended.Processes[0].Outcome != "ended" && ended.Processes[0].Outcome != "killed" {
		t.Errorf("%+v", ended)
	}
	if status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(culprit), "stat")); err == nil && !strings.Contains(string(status), ") Z ") {
		t.Errorf("it still runs: %s", status)
	}
	for _, name := range []string{"00000001.json", "00000002.json"} {
		entry, err := os.ReadFile(filepath.Join(state, name))
		if err != nil || !strings.Contains(string(entry), `"status": "done"`) {
			t.Errorf("%s: %v\n%s", name, err, entry)
		}
	}
	out := runs(t, 0, "tune", "status", "--all", "--state", state, "--lang", "en")
	if !strings.Contains(out, fmt.Sprintf("· %d closed\n", len(closed.Sockets))) || !strings.Contains(out, "· 1 ended\n") && !strings.Contains(out, "· 1 killed (SIGKILL)\n") {
		t.Errorf("status does not say what became of them:\n%s", out)
	}
}
