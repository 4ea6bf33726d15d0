package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"sockeye/internal/lab"
)

// ready is the line of 'sockeye lab run --format json' that says the picture stands.
type ready struct {
	Event  string        `json:"event"`
	NetNS  string        `json:"netns"`
	Roles  []lab.RolePID `json:"roles"`
	Expect struct {
		Finding     string   `json:"finding"`
		With        []string `json:"with"`
		May         []string `json:"may"`
		Culprit     string   `json:"culprit"`
		CulpritPID  int      `json:"culprit_pid"`
		Destination string   `json:"destination"`
		Severity    string   `json:"severity"`
		AtMost      string   `json:"at_most"`
		Healthy     bool     `json:"healthy"`
	} `json:"expect"`
}

// verdict is what this test reads of 'sockeye doctor --format json'.
type verdict struct {
	Verdict  string        `json:"verdict"`
	Findings []findingJSON `json:"findings"`
}

type findingJSON struct {
	ID        string `json:"id"`
	Severity  string `json:"severity"`
	Certainty string `json:"certainty"`
	Title     string `json:"title"`
	Causes    []string
	Culprits  []struct {
		PID     int    `json:"pid"`
		Process string `json:"process"`
	} `json:"culprits"`
	Destinations []struct {
		Addr string `json:"addr"`
		Port int    `json:"port"`
	} `json:"destinations"`
	Evidence []struct {
		Fact string `json:"fact"`
	} `json:"evidence"`
	Remedies []struct {
		Title   string `json:"title"`
		Command string `json:"command"`
	} `json:"remedies"`
}

var severityRank = map[string]int{"": 0, "healthy": 0, "notice": 1, "warning": 2, "critical": 3}

// TestScenarios runs every scenario of the lab in its own processes and
// namespace and lets the doctor, a process of its own too, examine it.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays faults in private network namespaces")
	}
	for _, sc := range lab.List() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			r := stand(t, sc.Name)
			rep := examine(t, r)
			judge(t, r, rep)
		})
	}
}

// stand starts a scenario and returns when its picture stands.
func stand(t *testing.T, name string) *ready {
	t.Helper()
	cmd := exec.Command("sockeye", "lab", "run", name, "--format", "json", "--hold", "90s")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r ready
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("not JSON: %s", lines.Bytes())
		}
		if r.Event == "ready" {
			go func() { // what comes later is not needed, but must not block the run
				for lines.Scan() {
				}
			}()
			return &r
		}
	}
	t.Fatalf("the picture never stood; stderr: %s", stderr.String())
	return nil
}

func examine(t *testing.T, r *ready, more ...string) *verdict {
	t.Helper()
	args := append([]string{"doctor", "--format", "json", "--netns", strconv.Itoa(anyPID(r)), "--lang", "en"}, more...)
	cmd := exec.Command("sockeye", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	out, err := cmd.Output()
	var code *exec.ExitError
	if err != nil && (!errors.As(err, &code) || code.ExitCode() > 2) {
		t.Fatalf("doctor: %v\n%s", err, stderr.String())
	}
	t.Logf("examined in %v", time.Since(began).Round(time.Millisecond))
	var v verdict
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("doctor's JSON: %v\n%s", err, out)
	}
	if want := max(0, severityRank[v.Verdict]-1); cmd.ProcessState.ExitCode() != want {
		t.Errorf("exit code %d with verdict %q, want %d", cmd.ProcessState.ExitCode(), v.Verdict, want)
	}
	return &v
}

func anyPID(r *ready) int {
	if r.Expect.CulpritPID != 0 {
		return r.Expect.CulpritPID
	}
	return r.Roles[0].PID
}

func judge(t *testing.T, r *ready, v *verdict) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("expected %+v\n%s", r.Expect, v)
		}
	}()
	allowed := append(append(slices.Clone(r.Expect.With), r.Expect.May...), r.Expect.Finding)
	for _, f := range v.Findings {
		if severityRank[f.Severity] >= severityRank["warning"] && !slices.Contains(allowed, f.ID) {
			t.Errorf("false alarm: %s %s: %s", f.Severity, f.ID, f.Title)
		}
		if r.Expect.AtMost != "" && severityRank[f.Severity] > severityRank[r.Expect.AtMost] {
			t.Errorf("%s is %s, at most %s is true", f.ID, f.Severity, r.Expect.AtMost)
		}
	}
	if r.Expect.Healthy {
		if severityRank[v.Verdict] > severityRank["notice"] {
			t.Errorf("verdict %q of a healthy scene", v.Verdict)
		}
		return
	}
	for _, id := range r.Expect.With {
		if !slices.ContainsFunc(v.Findings, func(f findingJSON) bool { return f.ID == id }) {
			t.Errorf("finding %s is missing", id)
		}
	}
	if r.Expect.Finding == "" {
		return
	}
	var why []string
	for _, f := range v.Findings {
		if f.ID != r.Expect.Finding {
			continue
		}
		if reason := disagrees(r, f); reason != "" {
			why = append(why, reason)
			continue
		}
		return
	}
	if why == nil {
		t.Errorf("finding %s is missing", r.Expect.Finding)
	}
	for _, reason := range why {
		t.Errorf("%s: %s", r.Expect.Finding, reason)
	}
}

// disagrees says in what a finding differs from what is expected, "" in nothing.
func disagrees(r *ready, f findingJSON) string {
	if severityRank[f.Severity] < severityRank[r.Expect.Severity] {
		return fmt.Sprintf("severity %s, want at least %s", f.Severity, r.Expect.Severity)
	}
	if want := r.Expect.CulpritPID; want != 0 {
		if len(f.Culprits) == 0 {
			return fmt.Sprintf("no culprit, want pid %d (%s)", want, r.Expect.Culprit)
		}
		if got := f.Culprits[0].PID; got != want {
			return fmt.Sprintf("first culprit is pid %d (%s), want %d (%s)", got, f.Culprits[0].Process, want, r.Expect.Culprit)
		}
	}
	if want := r.Expect.Destination; want != "" {
		for _, d := range f.Destinations {
			if net.JoinHostPort(d.Addr, strconv.Itoa(d.Port)) == want {
				return ""
			}
		}
		return fmt.Sprintf("destination %s is not among %v", want, f.Destinations)
	}
	return ""
}

func (v *verdict) String() string {
	var b bytes.Buffer
	fmt.Fprintln(&b, "verdict", v.Verdict)
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "  %s %s %s %q causes %v culprits %v destinations %v\n", f.Severity, f.Certainty, f.ID, f.Title, f.Causes, f.Culprits, f.Destinations)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "      %s\n", e.Fact)
		}
	}
	return b.String()
}
