package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
)

// sampleActivity is what was counted after n seconds.
func sampleActivity(n uint64) *host.Activity {
	ap := netip.MustParseAddrPort
	db := ap("10.0.0.2:3306")
	var fast, short host.Histogram
	fast[8], fast[11], short[13] = 98*n, 2*n, 80*n
	site := []host.Site{{Stack: shopStack(), Count: 10 * n}, {Stack: &host.Stack{Gap: host.GapJIT}, Count: n}}
	a := &host.Activity{By: "tracepoint", Sampled: host.Sampling{Taken: 11 * n, Of: 88 * n, Every: 8}}
	a.Outgoing = []host.Flow{
		{PID: 77, Name: "idle", NetNS: 1, Remote: ap("10.0.0.9:6379"), Opened: 3},
		// Two threads of a process, which name themselves.
		{PID: 812, Name: "java", NetNS: 1, Cgroup: containerCgroup, Remote: db, Opened: 100 * n, Failed: 7 * n, Sent: 1000 * n, Received: 5 * n,
			Ends: host.Ends{Local: 80 * n, PeerReset: 1 * n}, Latency: fast, Lifetime: short, Stacks: site},
		{PID: 812, Name: "pool-1", NetNS: 1, Cgroup: containerCgroup, Remote: db, Opened: 20 * n, Ends: host.Ends{Local: 20 * n}},
		{PID: 666, Name: hostileName, NetNS: 1, Remote: ap("[2001:db8:ffff::9]:443"), Opened: n, Ends: host.Ends{TimedOut: n}},
	}
	for i := range 3 {
		a.Incoming = append(a.Incoming, host.Flow{PID: 900, Name: "nginx", NetNS: 1, Port: 8080, Opened: 10 * n, Ends: host.Ends{Peer: 9 * n, LocalLinger: n},
			Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 0)})
	}
	a.Incoming = append(a.Incoming, host.Flow{NetNS: 1, Port: 22, Remote: ap("203.0.113.9:0"), Opened: n, Failed: n})
	a.Failures = []host.Failure{
		{PID: 812, Name: "java", NetNS: 1, Cgroup: containerCgroup, Call: "connect", Errno: 99, Addr: db, Count: 12 * n},
		{PID: 812, Name: "java", NetNS: 1, Cgroup: containerCgroup, Call: "connect", Errno: 111, Addr: db, Count: n},
		{PID: 901, Name: "nginx", NetNS: 1, Call: "bind", Errno: 98, Addr: ap("0.0.0.0:80"), Count: 2 * n, Stacks: site[:1]},
	}
	return a
}

func growing() *fakeTracer {
	n := uint64(0)
	return &fakeTracer{counts: func() (*host.Activity, error) {
		n++
		return sampleActivity(n), nil
	}}
}

// The clock of a test shows the zone of whoever runs it.
var aClock = regexp.MustCompile(`\d\d:\d\d:(\d\d)`)

func TestTopGolden(t *testing.T) {
	for name, tt := range map[string]struct {
		m    machine
		args string
	}{
		"top_pipe":      {machine{}, "--top --duration 2s"},
		"top_rows_only": {machine{}, "--top --no-header --count 1 process java"},
		"top_ndjson":    {machine{}, "--top --format ndjson --duration 2s"},
		"top_80":        {machine{tty: true, width: 80, env: noColour}, "--top --count 2"},
		"top_100":       {machine{tty: true, width: 100, env: noColour}, "--top --count 1"},
		"top_120":       {machine{tty: true, width: 120, env: noColour}, "--top --count 1"},
		"top_160":       {machine{tty: true, width: 160}, "--top --count 1 --lang zh"},
		"top_200":       {machine{tty: true, width: 200, env: noColour}, "--top --count 1"},
		"top_wide_80":   {machine{tty: true, width: 80, env: noColour}, "--top --wide --count 2"},
	} {
		t.Run(name, func(t *testing.T) {
			f := growing()
			got := tt.m.runTracer(t, f, strings.Fields(tt.args)...)
			if got.code != exitDone || f.closed != 1 {
				t.Fatalf("exit code %d, stderr %q", got.code, got.stderr)
			}
			golden(t, name, aClock.ReplaceAll([]byte(got.stdout), []byte("09:05:$1")))
		})
	}
}

func TestTopJSONWide(t *testing.T) {
	got := machine{}.runTracer(t, growing(), "--top", "--format", "ndjson", "--wide", "--count", "1", "pid", "812")
	var row struct {
		Event string  `json:"event"`
		Rate  float64 `json:"opened_per_s"`
		Code  []struct {
			Function string `json:"function"`
			Stacks   int    `json:"stacks"`
			Stack    []struct {
				Function string `json:"function"`
			} `json:"stack"`
		} `json:"code"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &row); err != nil {
		t.Fatalf("%v: %s", err, got.stdout)
	}
	if row.Event != "flow" || row.Rate != 120 || len(row.Code) != 2 || row.Code[0].Stacks != 10 || len(row.Code[0].Stack) != 4 {
		t.Errorf("%+v", row)
	}
}

func TestTopEnds(t *testing.T) {
	still := func() (*host.Activity, error) { return &host.Activity{}, nil }
	for _, tt := range []struct {
		fake   *fakeTracer
		args   string
		code   int
		stderr string
	}{
		{&fakeTracer{counts: still}, "--duration 3s", exitNothing, "sockeye: no connection was opened, and none ended\n"},
		{&fakeTracer{counts: still}, "--count 2 pid 3", exitNothing, "sockeye: no connection was opened, and none ended that matches: pid = 3\n"},
		{&fakeTracer{counts: func() (*host.Activity, error) { return nil, errors.New("maps are gone") }}, "", exitFailed,
			"sockeye: reading the counts: maps are gone\n"},
		{&fakeTracer{counts: func() (*host.Activity, error) {
			a := sampleActivity(1)
			a.Lost = 1234
			return a, nil
		}}, "--count 1", exitDone, "the counts had no room for 1,234 events: what is shown above is at least so\n"},
		{growing(), "--count 1 dport = :3306", exitDone, ""},
		{growing(), "--count 1 sport = :8080", exitDone, ""},
		{growing(), "--count 1 code store.go", exitDone, ""},
		{growing(), "--count 1 container shop", exitDone, ""},
		{growing(), "--count 1 --format ndjson process idle", exitDone, ""},
		{growing(), "--duration 300ms", exitDone, ""},
		{growing(), "--duration 100ms", exitNothing, "sockeye: no connection was opened, and none ended\n"},
	} {
		got := machine{}.runTracer(t, tt.fake, append(strings.Fields(tt.args), "--top")...)
		if got.code != tt.code || got.stderr != tt.stderr || tt.fake.closed != 1 || (got.stdout == "") != (tt.code != exitDone) {
			t.Errorf("%q: %+v", tt.args, got)
		}
	}
}

// TestTopRates: counts are divided by the time that really went by.
func TestTopRates(t *testing.T) {
	slow := growing()
	count := slow.counts
	slow.counts = func() (*host.Activity, error) {
		<-time.After(3 * time.Second) // virtual
		return count()
	}
	got := machine{}.runTracer(t, slow, "--top", "--format", "ndjson", "--count", "1", "pid", "812")
	for _, want := range []string{`"window_s":4,`, `"opened":120,`, `"opened_per_s":30,`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%s is missing in %s", want, got.stdout)
		}
	}
}

func TestFlowReader(t *testing.T) {
	remote := netip.MustParseAddrPort("10.0.0.2:3306")
	key := host.Flow{PID: 1, Name: "a", Remote: remote}
	with := func(opened, failed, local uint64) host.Flow {
		f := key
		f.Opened, f.Failed, f.Ends.Local = opened, failed, local
		return f
	}
	connect := func(errno uint32, n uint64) host.Failure {
		return host.Failure{PID: 1, Name: "a", Call: "connect", Errno: errno, Addr: remote, Count: n}
	}
	type want struct {
		opened, failed, total, local uint64
		errno                        uint32
	}
	for name, tt := range map[string]struct {
		before, now host.Activity
		want        []want
	}{
		"first": {host.Activity{}, host.Activity{Outgoing: []host.Flow{with(5, 1, 2)}}, []want{{5, 1, 5, 2, 0}}},
		"difference": {host.Activity{Outgoing: []host.Flow{with(5, 1, 2)}}, host.Activity{Outgoing: []host.Flow{with(8, 1, 5)}},
			[]want{{3, 0, 8, 3, 0}}},
		"forgotten in between": {host.Activity{Outgoing: []host.Flow{with(500, 100, 200)}}, host.Activity{Outgoing: []host.Flow{with(8, 1, 5)}},
			[]want{{8, 1, 8, 5, 0}}},
		"more ended than was counted": {host.Activity{Outgoing: []host.Flow{with(5, 0, 4)}}, host.Activity{Outgoing: []host.Flow{with(6, 0, 3)}},
			[]want{{1, 0, 6, 0, 0}}},
		"threads": {host.Activity{Outgoing: []host.Flow{with(1, 0, 0), with(2, 0, 0)}}, host.Activity{Outgoing: []host.Flow{with(2, 0, 1), with(4, 0, 1)}},
			[]want{{3, 0, 6, 2, 0}}},
		"a failed connect counts once": {host.Activity{Outgoing: []host.Flow{with(10, 10, 0)}, Failures: []host.Failure{connect(111, 10)}},
			host.Activity{Outgoing: []host.Flow{with(14, 14, 0)}, Failures: []host.Failure{connect(111, 14)}}, []want{{4, 4, 14, 0, 111}}},
		"a call without a flow": {host.Activity{}, host.Activity{Failures: []host.Failure{connect(99, 3)}}, []want{{0, 3, 0, 0, 99}}},
		"the most frequent error of the interval": {host.Activity{Failures: []host.Failure{connect(99, 1000), connect(111, 1)}},
			host.Activity{Failures: []host.Failure{connect(99, 1001), connect(111, 5)}}, []want{{0, 4, 0, 0, 111}}},
		"other calls stand alone": {host.Activity{}, host.Activity{Outgoing: []host.Flow{with(1, 0, 0)},
			Failures: []host.Failure{{PID: 1, Call: "bind", Errno: 98, Addr: remote, Count: 2}, {PID: 1, Call: "bind", Errno: 99, Addr: remote, Count: 1}}},
			[]want{{1, 0, 1, 0, 0}, {0, 3, 0, 0, 98}}},
	} {
		var r flowReader
		r.next(&tt.before)
		var got []want
		for _, f := range r.next(&tt.now) {
			got = append(got, want{f.opened, f.failed, f.total, f.ends.Local, f.errno})
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAttempts: what was tried and what failed, each counted once.
func TestAttempts(t *testing.T) {
	remote := netip.MustParseAddrPort("10.0.0.2:3306")
	out := func(opened, failed uint64) []host.Flow {
		return []host.Flow{{PID: 1, Remote: remote, Opened: opened, Failed: failed}}
	}
	connect := func(errno uint32, n uint64) host.Failure {
		return host.Failure{PID: 1, Call: "connect", Errno: errno, Addr: remote, Count: n}
	}
	type want struct{ tried, failures, total uint64 }
	for name, tt := range map[string]struct {
		before, now host.Activity
		want        want
	}{
		"all went well":         {host.Activity{}, host.Activity{Outgoing: out(5, 0)}, want{5, 0, 5}},
		"refused after a SYN":   {host.Activity{}, host.Activity{Outgoing: out(5, 5), Failures: []host.Failure{connect(111, 5)}}, want{5, 5, 5}},
		"gave up after a SYN":   {host.Activity{}, host.Activity{Outgoing: out(5, 2)}, want{5, 2, 5}},
		"no port, so no SYN":    {host.Activity{}, host.Activity{Failures: []host.Failure{connect(99, 7)}}, want{7, 7, 7}},
		"two errnos, no SYN":    {host.Activity{}, host.Activity{Failures: []host.Failure{connect(99, 7), connect(101, 2)}}, want{9, 9, 9}},
		"refused, then no port": {host.Activity{}, host.Activity{Outgoing: out(5, 3), Failures: []host.Failure{connect(111, 3), connect(99, 7)}}, want{12, 10, 12}},
		"in an interval": {host.Activity{Outgoing: out(100, 3), Failures: []host.Failure{connect(111, 3), connect(99, 50)}},
			host.Activity{Outgoing: out(104, 4), Failures: []host.Failure{connect(111, 4), connect(99, 70)}}, want{24, 21, 174}},
		"a connect taken back": {host.Activity{Outgoing: out(100, 3)}, host.Activity{Outgoing: out(99, 3)}, want{0, 0, 99}},
	} {
		var r flowReader
		r.next(&tt.before)
		flows := r.next(&tt.now)
		if len(flows) != 1 {
			t.Fatalf("%s: %+v", name, flows)
		}
		a := flows[0].attempts()
		if got := (want{a.tried(), a.failures(), flows[0].totals.tried()}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestMostEnds(t *testing.T) {
	for _, tt := range []struct {
		ends host.Ends
		most int
		want string
	}{
		{host.Ends{}, 2, ""},
		{host.Ends{Local: 5}, 2, "local 100%"},
		{host.Ends{Local: 999, LocalLinger: 1}, 2, "local 99%, linger <1%"},
		{host.Ends{Local: 1, LocalReset: 2, PeerReset: 3}, 1, "peer RST 50%"},
		{host.Ends{Local: 1, LocalReset: 2, PeerReset: 3}, 2, "peer RST 50%, local RST 33%"},
		{host.Ends{Peer: 1, TimedOut: 1}, 9, "peer 50%, timeout 50%"},
	} {
		if got := string(appendMostEnds(nil, &tt.ends, tt.most)); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.ends, got, tt.want)
		}
	}
}

// TestTopFits: no row of IPv4 with names of ordinary length is cut by the terminal,
// and from 100 columns on, or with --wide, each tells its line of code.
func TestTopFits(t *testing.T) {
	stack := &host.Stack{Frames: []host.Frame{{Function: "sockeye/internal/lab.(*churn).job", File: "/src/lab/traffic.go", Line: 167, Own: true}}}
	sites := []host.Site{{Stack: stack, Count: 12345}}
	to := netip.MustParseAddrPort("192.168.100.101:50051")
	for width := 80; width <= 260; width += 3 {
		for _, args := range []string{"--top", "--top --wide"} {
			f := &fakeTracer{counts: func() (*host.Activity, error) {
				return &host.Activity{Outgoing: []host.Flow{{PID: 4194304, Name: "Chrome_ChildIOT", Remote: to, Opened: 12345, Failed: 1234, Stacks: sites,
					Ends: host.Ends{Local: 1, LocalReset: 3000, LocalLinger: 4000, PeerReset: 2999}, Latency: host.Histogram{9: 7}, Lifetime: host.Histogram{9: 7}}},
					Failures: []host.Failure{{PID: 4194304, Name: "Chrome_ChildIOT", Call: "connect", Errno: 99, Addr: to, Count: 12345, Stacks: sites}}}, nil
			}}
			got := machine{tty: true, width: width, env: noColour}.runTracer(t, f, append(strings.Fields(args), "--count", "1")...)
			text := strings.NewReplacer("\x1b[K", "", "\x1b[J", "").Replace(got.stdout)
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasSuffix(line, "…") || lipgloss.Width(line) > width {
					t.Errorf("%q, %d columns: %s", args, width, line)
				}
			}
			if (width >= roomForLine || strings.Contains(args, "wide")) && !strings.Contains(text, "traffic.go:167)") {
				t.Errorf("%q, %d columns: no line of code: %s", args, width, text)
			}
		}
	}
}

// TestFlowsKeepTheirStacks: adding flows up must not write into what the tracer
// gave, nor into the next table.
func TestFlowsKeepTheirStacks(t *testing.T) {
	stacks := append(make([]host.Site, 0, 8), host.Site{Count: 1})
	a := &host.Activity{Incoming: []host.Flow{{PID: 1, Port: 80, Stacks: stacks}, {PID: 1, Port: 80, Remote: netip.MustParseAddrPort("1.2.3.4:0"), Stacks: []host.Site{{Count: 2}}}}}
	var r flowReader
	for range 2 {
		flows := byListener(r.next(a))
		if len(flows) != 1 || len(flows[0].stacks) != 2 || flows[0].peers != 2 {
			t.Fatalf("%+v", flows)
		}
	}
	if spare := stacks[:2][1]; spare.Count != 0 {
		t.Errorf("the tracer's slice was written to: %+v", spare)
	}
}

func TestWhere(t *testing.T) {
	jit := &host.Stack{Gap: host.GapJIT}
	other := &host.Stack{Frames: []host.Frame{{Function: "main.b", File: "b.go", Line: 2, Own: true}}}
	for _, tt := range []struct {
		sites []host.Site
		want  string
		n, of uint64
	}{
		{nil, "", 0, 0},
		{[]host.Site{{Stack: jit, Count: 3}}, "[jit]", 3, 3},
		// two stacks lead to one line
		{[]host.Site{{Stack: jit, Count: 3}, {Stack: shopStack(), Count: 2}, {Stack: shopStack(), Count: 2}, {Stack: other, Count: 1}}, "dao.(*Store).Query (store.go:88)", 4, 8},
		{[]host.Site{{Stack: other, Count: 2}, {Stack: shopStack(), Count: 2}}, "dao.(*Store).Query (store.go:88)", 2, 4},
		{[]host.Site{{Stack: shopStack(), Count: 2}, {Stack: other, Count: 2}}, "dao.(*Store).Query (store.go:88)", 2, 4},
	} {
		code, n, of := (&flow{stacks: tt.sites}).where()
		if got := string(appendCode(nil, code)); got != tt.want || n != tt.n || of != tt.of {
			t.Errorf("%s, %d of %d; want %s, %d of %d", got, n, of, tt.want, tt.n, tt.of)
		}
	}
}

func TestAppendRate(t *testing.T) {
	for r, want := range map[float64]string{0: "0", 0.01: "<0.1", 0.44: "0.4", 46.64: "46.6", 99.94: "99.9", 99.96: "100", 17012.4: "17012"} {
		if got := string(appendRate(nil, r)); got != want {
			t.Errorf("%v: %s, want %s", r, got, want)
		}
	}
}

// TestScreenFollowsTheTerminal: on a low terminal rows are left out and said so,
// and after a change of its size the screen begins anew.
func TestScreenFollowsTheTerminal(t *testing.T) {
	keepFromPipeDeath()()
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		sizes := [][2]int{{120, 6}, {120, 6}, {80, 5}}
		app := App{Stdout: &out, Stderr: &errs, StdoutTTY: true, Width: 120, Getenv: func(k string) string { return noColour[k] }}
		app.Size = func() (int, int, bool) {
			size := sizes[0]
			if len(sizes) > 1 {
				sizes = sizes[1:]
			}
			return size[0], size[1], true
		}
		root := newTraceCmd(app, growing().attach, nil)
		root.SilenceErrors, root.SilenceUsage = true, true
		if code := execute(context.Background(), root, []string{"--top", "--count", "3"}, app); code != exitDone {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		draws := strings.SplitAfter(out.String(), "\x1b[J")
		lines := func(s string) int { return strings.Count(s, "\n") }
		if len(draws) != 4 || lines(draws[0]) != 5 || lines(draws[1]) != 5 || lines(draws[2]) != 4 {
			t.Fatalf("%d draws: %q", len(draws), draws)
		}
		for i, want := range []string{"", "\x1b[5A\r", "\x1b[H\x1b[2J"} {
			if begin := draws[i][:len(draws[i])-len(strings.TrimLeft(draws[i], "\x1b[0123456789AHJ\r"))]; !strings.HasPrefix(begin, want) || (want == "") != (begin[0] != '\x1b') {
				t.Errorf("draw %d begins with %q, want %q", i, begin, want)
			}
		}
		for _, want := range []string{"3 more rows", "4 more rows"} {
			if !slices.ContainsFunc(draws, func(d string) bool { return strings.Contains(d, want) }) {
				t.Errorf("%q is nowhere said: %q", want, draws)
			}
		}
	})
}
