package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where the churners of testdata/churn go, each to another disease.
const (
	churnClose = "192.0.2.10:9000" // answers, and leaves closing to the client
	churnLeak  = "192.0.2.10:9001" // answers and closes first
	churnFail  = "192.0.2.10:9002" // nobody listens
)

// place is a line of code, found by a comment in the source.
type place struct {
	function string
	file     string
	marker   string
}

// churner is the program of testdata/churn in one language.
type churner struct {
	language string
	tools    []string
	build    func(t *testing.T, dir string) []string // returns how it is called
	// code lists the places that name the opening line truly, innermost first;
	// empty where naming it is not this program's job but that of a helper.
	code []place
}

var churners = []churner{{
	language: "Go", tools: []string{"go"},
	build: func(t *testing.T, dir string) []string {
		bin := filepath.Join(dir, "goshop")
		compile(t, "go", "build", "-o", bin, "./testdata/churn/go")
		return []string{bin}
	},
	code: []place{{"main.openOrder", "go/shop.go", "// opens"}},
}, {
	language: "Go, stripped", tools: []string{"go"},
	build: func(t *testing.T, dir string) []string {
		bin := filepath.Join(dir, "goshop-stripped")
		compile(t, "go", "build", "-ldflags=-s -w", "-o", bin, "./testdata/churn/go")
		return []string{bin}
	},
	code: []place{{"main.openOrder", "go/shop.go", "// opens"}},
}, {
	language: "C", tools: []string{"gcc"},
	build: func(t *testing.T, dir string) []string {
		bin := filepath.Join(dir, "prices")
		compile(t, "gcc", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread", "-o", bin, "testdata/churn/c/churn.c")
		return []string{bin}
	},
	// libc's connect() keeps no frame pointer: its direct caller may be missing.
	code: []place{{"connect_to", "c/churn.c", "/* connects */"}, {"fetch_price", "c/churn.c", "/* opens */"}},
}, {
	language: "Java", tools: []string{"javac", "java"},
	build: func(t *testing.T, dir string) []string {
		compile(t, "javac", "-d", dir, "testdata/churn/java/Churn.java", "testdata/churn/java/shop/Dao.java")
		return []string{"java", "-Xmx64m", "-cp", dir, "Churn"}
	},
}, {
	language: "Python", tools: []string{"python3"},
	build: func(*testing.T, string) []string { return []string{"python3", "testdata/churn/python/churn.py"} },
}}

func compile(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// TestChurners lets the doctor examine real programs that open a connection per
// request, leak connections, and try a closed port, all three at once: who, to
// where, closed by whom, and on which line.
func TestChurners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: runs churning programs in private network namespaces")
	}
	for _, c := range churners {
		t.Run(c.language, func(t *testing.T) {
			t.Parallel()
			for _, tool := range c.tools {
				if _, err := exec.LookPath(tool); err != nil {
					t.Fatalf("%v: 'make deps' installs it", err)
				}
			}
			argv := c.build(t, t.TempDir())
			onOwnThread(func() {
				if err := enterChurnNetNS(t); err != nil {
					t.Error(err)
					return
				}
				closes := startChurner(t, argv, churnClose, 100, "close")
				leaks := startChurner(t, argv, churnLeak, 60, "leak")
				fails := startChurner(t, argv, churnFail, 50, "fail")
				r := examineChurn(t, closes)
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("closes %d, leaks %d, fails %d\n%s", closes, leaks, fails, r)
					}
				})
				r.blames(t, []string{"port-exhaustion", "short-lived-connections"}, closes, churnClose, c.code)
				r.blames(t, []string{"close-wait-leak"}, leaks, churnLeak, c.code)
				r.blames(t, []string{"retry-storm"}, fails, churnFail, c.code)
				r.remembersTimeWait(t, closes)
				r.remembersCloseWait(t, leaks)
			})
		})
	}
}

// enterChurnNetNS moves the calling thread, which must be its caller's own, into
// a fresh namespace with the servers that the churners need. 2,000 ports make 100
// connections a second matter and are not used up while the test looks.
func enterChurnNetNS(t *testing.T) error {
	t.Helper()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	addAddress(t, "192.0.2.10/32")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("20000 21999"), 0o644); err != nil {
		return err
	}
	return errors.Join(churnServer(t, churnClose, false), churnServer(t, churnLeak, true))
}

// churnServer answers one line on each connection and closes it, first or last.
func churnServer(t *testing.T, address string, closesFirst bool) error {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := bufio.NewReaderSize(c, 16).ReadString('\n'); err != nil {
					return
				}
				_, _ = io.WriteString(c, "ok\n")
				if !closesFirst {
					_, _ = io.Copy(io.Discard, c)
				}
			}()
		}
	}()
	return nil
}

// startChurner starts a churner and returns its pid when its first connections
// are made. It ends with its standard input, which this process's end closes too.
func startChurner(t *testing.T, argv []string, address string, rate int, mode string) int {
	t.Helper()
	args := slices.Concat(argv[1:], []string{address, strconv.Itoa(rate), "4", mode})
	cmd := exec.Command(argv[0], args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("%s %s ends with %v: %s", argv[0], mode, err, stderr.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var pid int
	if n, _ := fmt.Sscanf(line, "ready %d", &pid); n != 1 {
		t.Fatalf("%s %s says %q (%v)", argv[0], mode, line, err)
	}
	return pid
}

// line looks up the place in the source and returns its number.
func (p place) line(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/churn", p.file))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	n := 0
	for l := range strings.Lines(string(text)) {
		n++
		if strings.HasSuffix(strings.TrimSpace(l), p.marker) {
			if found != 0 {
				t.Fatalf("%s: %q marks lines %d and %d", p.file, p.marker, found, n)
			}
			found = n
		}
	}
	if found == 0 {
		t.Fatalf("%s: no line is marked %q", p.file, p.marker)
	}
	return found
}

// codeJSON is a line of code in a report or a row.
type codeJSON struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// is reports whether c is one of places.
func (c codeJSON) is(t *testing.T, places []place) bool {
	t.Helper()
	return slices.ContainsFunc(places, func(p place) bool {
		return c.Function == p.function && filepath.Base(c.File) == filepath.Base(p.file) && c.Line == p.line(t)
	})
}

// rowJSON is what these tests read of a socket's row.
type rowJSON struct {
	Raddr  string `json:"raddr"`
	Rport  int    `json:"rport"`
	State  string `json:"state"`
	PID    *int   `json:"pid"`
	Opener *struct {
		PID     int       `json:"pid"`
		Process string    `json:"process"`
		Code    *codeJSON `json:"code"`
		Gap     string    `json:"gap"`
	} `json:"opener"`
	Closer *string `json:"closer"`
	Timer  *struct {
		ExpiresS float64 `json:"expires_s"`
	} `json:"timer"`
}

// goesTo reports whether the row's far end is an address. Java's sockets are IPv6.
func (r *rowJSON) goesTo(address string) bool {
	want := netip.MustParseAddrPort(address)
	far, err := netip.ParseAddr(r.Raddr)
	return err == nil && far.Unmap() == want.Addr() && r.Rport == int(want.Port())
}

// origin tells opener and closer of a row.
func (r *rowJSON) origin() string {
	opener, closer := "nobody", "nobody"
	if r.Opener != nil {
		opener = fmt.Sprintf("%s (%d)", r.Opener.Process, r.Opener.PID)
	}
	if r.Closer != nil {
		closer = *r.Closer
	}
	return "opened by " + opener + ", closed by " + closer
}

// churnReport is what these tests read of 'doctor --format json --sockets'.
type churnReport struct {
	WindowS  float64 `json:"window_s"`
	Findings []struct {
		findingJSON
		Culprits []struct {
			PID     int        `json:"pid"`
			Process string     `json:"process"`
			Code    []codeJSON `json:"code"`
		} `json:"culprits"`
	} `json:"findings"`
	Sockets []rowJSON `json:"sockets"`
}

func examineChurn(t *testing.T, pid int) *churnReport {
	t.Helper()
	r := &churnReport{}
	out := sockeye(t, "doctor", "--format", "json", "--sockets", "--sample", "2s", "--lang", "en", "--netns", strconv.Itoa(pid))
	if err := json.Unmarshal(out, r); err != nil {
		t.Fatalf("doctor's JSON: %v\n%s", err, out)
	}
	return r
}

// sockeye runs this program and returns what it prints; the codes of a verdict
// are no failure.
func sockeye(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("sockeye", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var code *exec.ExitError
	if err != nil && (args[0] != "doctor" || !errors.As(err, &code) || code.ExitCode() > 2) {
		t.Fatalf("sockeye %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// blames sees that one of the findings names the process first, its destination
// and, where places are given, its line.
func (r *churnReport) blames(t *testing.T, ids []string, pid int, destination string, places []place) {
	t.Helper()
	name := processName(t, pid)
	var why []string
	for _, f := range r.Findings {
		switch {
		case !slices.Contains(ids, f.ID):
			continue
		case len(f.Culprits) == 0 || f.Culprits[0].PID != pid || f.Culprits[0].Process != name:
			why = append(why, fmt.Sprintf("%s blames %v, want %s (%d) first", f.ID, f.Culprits, name, pid))
		case !f.goesTo(destination):
			why = append(why, fmt.Sprintf("%s goes to %v, want %s", f.ID, f.Destinations, destination))
		case len(places) > 0 && (len(f.Culprits[0].Code) == 0 || !f.Culprits[0].Code[0].is(t, places)):
			why = append(why, fmt.Sprintf("%s names the code %v, want one of %v", f.ID, f.Culprits[0].Code, places))
		default:
			return
		}
	}
	if why == nil {
		t.Errorf("none of %v is found", ids)
	}
	for _, w := range why {
		t.Error(w)
	}
}

// remembersTimeWait sees that every TIME_WAIT made while the doctor looked has
// its opener and closer. How long ago one was made is told by its timer.
func (r *churnReport) remembersTimeWait(t *testing.T, pid int) {
	t.Helper()
	name := processName(t, pid)
	fresh, wrong := 0, 0
	for _, s := range r.Sockets {
		// The timer may start some tens of milliseconds late.
		if s.State != "TIME_WAIT" || !s.goesTo(churnClose) || s.Timer == nil || s.Timer.ExpiresS < 60-r.WindowS+0.3 {
			continue
		}
		fresh++
		if s.Opener == nil || s.Opener.PID != pid || s.Opener.Process != name || s.Closer == nil || *s.Closer != "local" {
			if wrong++; wrong <= 3 {
				t.Errorf("a TIME_WAIT of %.2f s ago: %s, want by %s (%d), local", 60-s.Timer.ExpiresS, s.origin(), name, pid)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d TIME_WAIT made in the last %.1f s have no or a wrong opener or closer", wrong, fresh, r.WindowS)
	}
	if fresh < 50 {
		t.Errorf("%d TIME_WAIT to %s are of the last %.1f s, want some 100 a second", fresh, churnClose, r.WindowS)
	}
}

// remembersCloseWait sees that the connections leaked while the doctor looked
// have their opener, and the peer as closer.
func (r *churnReport) remembersCloseWait(t *testing.T, pid int) {
	t.Helper()
	held, remembered := 0, 0
	for _, s := range r.Sockets {
		if s.State != "CLOSE_WAIT" || !s.goesTo(churnLeak) || s.PID == nil || *s.PID != pid {
			continue
		}
		held++
		if s.Opener == nil {
			continue // opened before the doctor came
		}
		remembered++
		if s.Opener.PID != pid || s.Closer == nil || *s.Closer != "peer" {
			t.Errorf("a CLOSE_WAIT: %s, want by %d, peer", s.origin(), pid)
		}
	}
	if remembered < 60 {
		t.Errorf("%d of %d CLOSE_WAIT have an opener, want those of 2 s at 60 a second", remembered, held)
	}
}

// processName is the name of the process, not of the thread that connects.
func processName(t *testing.T, pid int) string {
	t.Helper()
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(comm))
}

// goesTo reports whether an address is among the destinations.
func (f *findingJSON) goesTo(address string) bool {
	for _, d := range f.Destinations {
		if net.JoinHostPort(d.Addr, strconv.Itoa(d.Port)) == address {
			return true
		}
	}
	return false
}

func (r *churnReport) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s %s %s %q culprits %v destinations %v\n", f.Severity, f.Certainty, f.ID, f.Title, f.Culprits, f.Destinations)
	}
	return b.String()
}
