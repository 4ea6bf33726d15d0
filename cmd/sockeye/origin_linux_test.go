package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/lab"
	"sockeye/internal/trace"
)

// eventJSON is what these tests read of a line of 'trace --format ndjson'.
type eventJSON struct {
	Event     string  `json:"event"`
	PID       *int    `json:"pid"`
	Raddr     *string `json:"raddr"`
	Rport     *int    `json:"rport"`
	Call      *string `json:"call"`
	ErrnoName *string `json:"errno_name"`
	Opener    *struct {
		PID  int       `json:"pid"`
		Code *codeJSON `json:"code"`
	} `json:"opener"`
	Closer *string `json:"closer"`
}

// TestOrigins lets the tracer watch every scenario of the lab whose sockets, or
// whose failing calls, have an origin that it must tell: process and function,
// which of the two ends closed first, and the error.
func TestOrigins(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays faults in private network namespaces")
	}
	n := 0
	for _, sc := range lab.List() {
		e := sc.Expect
		if e.Errno == "" && e.Opener == "" {
			continue
		}
		n++
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			r := stand(t, sc.Name)
			look := func(name string, at func(*testing.T, *ready, lab.Expectation)) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					at(t, r, e)
				})
			}
			switch {
			case e.Errno != "":
				look("failures", seesFailures)
			case e.Closer == "local": // what is closed so leaves no full socket
				look("lives", seesLives)
			default:
				look("sockets", seesSockets)
			}
			if e.Code != "" && e.Culprit != "" && e.Culprit == e.Opener {
				look("culprit", seesCode)
			}
		})
	}
	if n == 0 {
		t.Error("no scenario tells an origin")
	}
}

// pidOf is the process of a role.
func (r *ready) pidOf(role string) int {
	for _, p := range r.Roles {
		if p.Name == role {
			return p.PID
		}
	}
	return 0
}

// names reports whether c is the function that a scenario expects, with a line.
func (c *codeJSON) names(e lab.Expectation) bool {
	return c != nil && c.Function == "sockeye/internal/"+e.Code && c.Line > 0
}

// traced runs the tracer for two seconds.
func traced(t *testing.T, more ...string) []eventJSON {
	t.Helper()
	var out []eventJSON
	for line := range bytes.Lines(sockeye(t, append([]string{"trace", "--duration", "2s", "--format", "ndjson"}, more...)...)) {
		ev := eventJSON{}
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatalf("not JSON: %s", line)
		}
		out = append(out, ev)
	}
	return out
}

// seesFailures traces failures beside a scenario and looks for those it makes.
func seesFailures(t *testing.T, r *ready, e lab.Expectation) {
	role := e.Culprit
	if role == "" {
		role = e.Opener
	}
	want := r.pidOf(role)
	said, failures, there, coded := 0, 0, 0, 0
	for _, ev := range traced(t, "--failures") {
		if ev.PID == nil || *ev.PID != want {
			continue
		}
		said++
		if ev.Call == nil || *ev.Call != e.Call || ev.ErrnoName == nil || *ev.ErrnoName != e.Errno {
			continue
		}
		failures++
		if ev.Raddr != nil && ev.Rport != nil && net.JoinHostPort(*ev.Raddr, strconv.Itoa(*ev.Rport)) == e.Destination {
			there++
		}
		if ev.Opener != nil && ev.Opener.Code.names(e) {
			coded++
		}
	}
	if failures == 0 {
		t.Fatalf("%d failures of %s (%d) are told, none is %s with %s", said, role, want, e.Call, e.Errno)
	}
	if e.Call == "connect" && there != failures {
		t.Errorf("%d of %d failed connects name the destination %s", there, failures, e.Destination)
	}
	if coded == 0 {
		t.Errorf("none of %d failures names %s", failures, e.Code)
	}
}

// seesLives traces whole connections beside a scenario.
func seesLives(t *testing.T, r *ready, e lab.Expectation) {
	want := r.pidOf(e.Opener)
	lives, closed, coded := 0, 0, 0
	for _, ev := range traced(t, "--lives") {
		if ev.Opener == nil || ev.Opener.PID != want {
			continue
		}
		lives++
		if ev.Closer != nil && *ev.Closer == e.Closer {
			closed++
		}
		if ev.Opener.Code.names(e) {
			coded++
		}
	}
	if lives == 0 || closed != lives || coded == 0 {
		t.Errorf("%d connections of %s (%d) are told, %d closed by %s, %d opened in %s", lives, e.Opener, want, closed, e.Closer, coded, e.Code)
	}
}

// seesSockets looks at the rows of the sockets that were opened while the doctor
// examined a scenario.
func seesSockets(t *testing.T, r *ready, e lab.Expectation) {
	want := r.pidOf(e.Opener)
	opened, closed, coded := 0, 0, 0
	for _, s := range examineChurn(t, want).Sockets {
		if s.Opener == nil || s.Opener.PID != want {
			continue
		}
		opened++
		if s.Closer != nil && *s.Closer == e.Closer {
			closed++
		}
		if s.Opener.Code.names(e) {
			coded++
		}
	}
	if opened == 0 || e.Closer != "" && closed == 0 || e.Code != "" && coded == 0 {
		t.Errorf("%d sockets are opened by %s (%d), %d closed by %q, %d opened in %q", opened, e.Opener, want, closed, e.Closer, coded, e.Code)
	}
}

// seesCode sees that the finding names the function of its culprit.
func seesCode(t *testing.T, r *ready, e lab.Expectation) {
	want := r.pidOf(e.Culprit)
	rep := examineChurn(t, want)
	for _, f := range rep.Findings {
		if f.ID == e.Finding && len(f.Culprits) > 0 && f.Culprits[0].PID == want && len(f.Culprits[0].Code) > 0 && f.Culprits[0].Code[0].names(e) {
			return
		}
	}
	t.Errorf("%s does not name %s of %s (%d)\n%s", e.Finding, e.Code, e.Culprit, want, rep)
}

// TestListRemembersTimeWait runs a tracer in the background and sees that list
// shows who opened each TIME_WAIT made since, and where in the code.
func TestListRemembersTimeWait(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays a fault in a private network namespace")
	}
	mountBPFFS(t)
	r := stand(t, "short-lived-connections")
	client := r.pidOf("client")
	expect := expectationOf(t, "short-lived-connections")

	since := startTracer(t, client, 100)
	asked := time.Now()
	lines := bufio.NewScanner(bytes.NewReader(sockeye(t, "list", "state", "time-wait", "--format", "ndjson", "--netns", strconv.Itoa(client))))
	lines.Buffer(nil, 1<<20)
	fresh, coded, wrong := 0, 0, 0
	for lines.Scan() {
		var row rowJSON
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("not JSON: %s", lines.Bytes())
		}
		if !row.goesTo(expect.Destination) || row.Timer == nil {
			continue
		}
		if age := 60 - row.Timer.ExpiresS; age > (asked.Sub(since) - timerLate).Seconds() {
			continue // made before the tracer came
		}
		fresh++
		o := row.Opener
		if o != nil && o.Code.names(expect) {
			coded++
		}
		// The stacks of the whole machine share what they may cost: beside other tests,
		// which connect without end, not each of these gets its turn.
		if o == nil || o.PID != client || o.Process != "client" || (!o.Code.names(expect) && o.Gap != "not sampled") ||
			row.Closer == nil || *row.Closer != "local" {
			if wrong++; wrong <= 3 {
				t.Errorf("a TIME_WAIT without its opener, code or closer: %s", lines.Bytes())
			}
		}
	}
	if wrong > 0 || fresh < 50 || coded == 0 {
		t.Errorf("%d of %d TIME_WAIT made since lack their origin, want 0 of at least 50; %d have a line of code", wrong, fresh, coded)
	}
}

// mountBPFFS gives the test's thread, and the processes that it starts, a BPF file
// system where Sockeye looks for one; nobody else sees it.
func mountBPFFS(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	for _, err := range []error{
		unix.Unshare(unix.CLONE_NEWNS),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("bpf", trace.BPFFS, "bpf", 0, ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func expectationOf(t *testing.T, scenario string) lab.Expectation {
	t.Helper()
	for _, sc := range lab.List() {
		if sc.Name == scenario {
			return sc.Expect
		}
	}
	t.Fatalf("no scenario %s", scenario)
	return lab.Expectation{}
}

// timerLate is how much younger a TIME_WAIT may look than it is: its timer may start
// some tens of milliseconds late.
const timerLate = 300 * time.Millisecond

// startTracer starts 'sockeye trace --lives' in the background and waits until it
// has told the first life of a connection that the process opened, and n that came
// later by more than timerLate. It returns the time of the first.
func startTracer(t *testing.T, pid, n int) (since time.Time) {
	t.Helper()
	cmd := exec.Command("sockeye", "trace", "--lives", "--duration", "30s", "--format", "ndjson")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-drained
		if err := cmd.Wait(); err != nil {
			t.Errorf("trace, interrupted: %v\n%s", err, stderr.String())
		}
	})
	enough := make(chan time.Time, 1)
	go func() {
		defer close(drained)
		defer close(enough)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		var first time.Time
		for seen := 0; lines.Scan(); {
			var ev eventJSON
			if json.Unmarshal(lines.Bytes(), &ev) != nil || ev.Opener == nil || ev.Opener.PID != pid {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			if time.Since(first) <= timerLate {
				continue
			}
			if seen++; seen == n {
				enough <- first
			}
		}
	}()
	since, ok := <-enough
	if !ok {
		t.Fatalf("trace ended before it had told %d connections of %d", n, pid)
	}
	return since
}
