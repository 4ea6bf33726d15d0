package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
	"sockeye/internal/trace"
)

// runTracer runs "sockeye trace" with the fake, in virtual time.
func (m machine) runTracer(t *testing.T, f *fakeTracer, args ...string) result {
	t.Helper()
	return m.runAttach(t, f.attach, args...)
}

func (m machine) runAttach(t *testing.T, attach newTracerFunc, args ...string) (r result) {
	t.Helper()
	var out bytes.Buffer
	r = m.runTo(t, context.Background(), &out, attach, args...)
	r.stdout = out.String()
	return r
}

func (m machine) runTo(t *testing.T, ctx context.Context, out io.Writer, attach newTracerFunc, args ...string) (r result) {
	t.Helper()
	keepFromPipeDeath()() // os/signal's goroutine must not begin inside the bubble
	synctest.Test(t, func(*testing.T) {
		var errs bytes.Buffer
		app := App{Stdin: &bytes.Buffer{}, Stdout: out, Stderr: &errs, StdoutTTY: m.tty, StderrTTY: m.tty, Width: m.width,
			Getenv: func(k string) string { return m.env[k] }}
		root := newRoot(app)
		for _, c := range root.Commands() {
			if c.Name() == "trace" {
				root.RemoveCommand(c)
			}
		}
		root.AddCommand(newTraceCmd(app, attach, samplePlace))
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r.code = execute(ctx, root, append([]string{"trace"}, args...), app)
		r.stderr = errs.String()
	})
	return r
}

var noColour = map[string]string{"NO_COLOR": "1"}

func TestTraceGolden(t *testing.T) {
	for name, tt := range map[string]struct {
		m    machine
		args string
	}{
		"trace_pipe":              {machine{}, ""},
		"trace_pipe_wide":         {machine{}, "--wide"},
		"trace_pipe_lives":        {machine{}, "--lives --no-header"},
		"trace_80":                {machine{tty: true, width: 80, env: noColour}, ""},
		"trace_120":               {machine{tty: true, width: 120, env: noColour}, ""},
		"trace_160":               {machine{tty: true, width: 160, env: noColour}, ""},
		"trace_colour":            {machine{tty: true, width: 120}, "--no-header"},
		"trace_wide_80":           {machine{tty: true, width: 80, env: noColour}, "--wide"},
		"trace_wide_160":          {machine{tty: true, width: 160, env: noColour}, "--wide"},
		"trace_wide_240":          {machine{tty: true, width: 240, env: noColour}, "--wide"},
		"trace_failures_80":       {machine{tty: true, width: 80, env: noColour}, "--failures"},
		"trace_failures_120":      {machine{tty: true, width: 120}, "--failures"},
		"trace_failures_100":      {machine{tty: true, width: 100, env: noColour}, "--failures"},
		"trace_failures_wide":     {machine{tty: true, width: 120, env: noColour}, "--failures --wide"},
		"trace_lives_80":          {machine{tty: true, width: 80, env: noColour}, "--lives"},
		"trace_lives_120":         {machine{tty: true, width: 120}, "--lives"},
		"trace_lives_160":         {machine{tty: true, width: 160, env: noColour}, "--lives"},
		"trace_lives_wide":        {machine{tty: true, width: 160, env: noColour}, "--lives --wide"},
		"trace_ndjson":            {machine{}, "--format ndjson"},
		"trace_ndjson_wide":       {machine{}, "--format ndjson --wide state fin-wait-1"},
		"trace_ndjson_lives":      {machine{}, "--format ndjson --lives"},
		"trace_ndjson_terminal":   {machine{tty: true, width: 80}, "--format ndjson --count 1"},
		"trace_failures_zh_plain": {machine{tty: true, width: 120, env: noColour}, "--failures --lang zh --count 2"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeTracer{events: sampleEvents()}
			got := tt.m.runTracer(t, f, strings.Fields(tt.args+" --duration 1s")...)
			want := ""
			if tt.m.tty {
				want = "tracing TCP; Ctrl-C ends it\n"
				if strings.Contains(tt.args, "zh") {
					want = "正在跟踪 TCP；按 Ctrl-C 结束\n"
				}
			}
			if got.code != exitDone || got.stderr != want || f.closed != 1 {
				t.Fatalf("exit code %d, stderr %q, closed %d times", got.code, got.stderr, f.closed)
			}
			golden(t, name, []byte(got.stdout))
		})
	}
}

// TestTraceFilters: how many of the events are selected.
func TestTraceFilters(t *testing.T) {
	for args, want := range map[string]int{
		"":                                     16,
		"--lives":                              6,
		"--failures":                           6,
		"process java":                         9,
		"pid 812":                              9,
		"process ~ JAV lport 41234":            4,
		"opener java":                          9,
		"process nginx":                        3,
		"container shop":                       9,
		"container 8d3c99":                     9,
		"unit nginx":                           3,
		"cgroup = /system.slice/nginx.service": 3,
		"dst 10.0.0.2:3306":                    7,
		"dport 443":                            4,
		"src 2001:db8::/32":                    2,
		"state syn-sent":                       4,
		"state time-wait":                      1,
		"state established":                    6,
		"exclude established":                  10,
		"not state established":                10,
		"closer peer":                          3,
		"closer local":                         4,
		"code store.go:88":                     9,
		"code store.go:8 and not process java": 0,
		"age > 1s":                             3,
		"age < 100us":                          2,
		"cookie 1":                             5,
		"netns 4026531840":                     16,
		"netns 1":                              0,
		"--failures dport 3306":                1,
		"--lives state time-wait":              1,
		"--lives not closer local":             4,
	} {
		f := &fakeTracer{events: sampleEvents()}
		got := machine{}.runTracer(t, f, append(strings.Fields(args), "--duration", "1s", "--format", "ndjson")...)
		if n := strings.Count(got.stdout, "\n"); n != want {
			t.Errorf("%q selects %d events, want %d: %s\n%s", args, n, want, got.stderr, got.stdout)
		}
		if wantCode := map[bool]int{true: exitNothing, false: exitDone}[want == 0]; got.code != wantCode {
			t.Errorf("%q: exit code %d, want %d", args, got.code, wantCode)
		}
	}
}

func TestTraceEnds(t *testing.T) {
	few := sampleEvents()[:2]
	for _, tt := range []struct {
		fake   fakeTracer
		args   string
		code   int
		stderr string // all of it
	}{
		{fakeTracer{}, "", exitNothing, "sockeye: no event was seen\n"},
		{fakeTracer{}, "--lang zh", exitNothing, "sockeye: 没有看到任何事件\n"},
		{fakeTracer{events: few}, "pid 1", exitNothing, "sockeye: no event was seen that matches: pid = 1\n"},
		{fakeTracer{events: few}, "pid 1 --lang zh", exitNothing, "sockeye: 没有看到任何事件（筛选条件：pid = 1）\n"},
		{fakeTracer{events: few}, "--failures", exitNothing, "sockeye: nothing failed\n"},
		{fakeTracer{events: few}, "--failures pid 1", exitNothing, "sockeye: nothing failed that matches: pid = 1\n"},
		{fakeTracer{events: few}, "--lives", exitNothing, "sockeye: no connection ended\n"},
		{fakeTracer{events: few}, "--lives pid 1", exitNothing, "sockeye: no connection ended that matches: pid = 1\n"},
		{fakeTracer{events: few, lost: 1}, "", exitDone, "1 event was lost: more came than could be read, so the lines above are not all\n"},
		{fakeTracer{events: few, lost: 12345}, "", exitDone, "12,345 events were lost: more came than could be read, so the lines above are not all\n"},
		{fakeTracer{events: few, lost: 12345}, "--lang zh", exitDone, "丢失了 12,345 个事件：产生得比读取得快，以上输出不完整\n"},
		{fakeTracer{events: few, short: []shortage{{0, "%s never", "%s"}, {1234, "%s stacks found no room", "%s 个"}}}, "", exitDone, "note: 1,234 stacks found no room\n"},
		{fakeTracer{lost: 2}, "", exitNothing, "2 events were lost: more came than could be read, so the lines above are not all\nsockeye: no event was seen\n"},
		{fakeTracer{events: few, notes: []string{"bpffs is not mounted:\n others cannot use this \x1b[2Jmemory"}}, "", exitDone,
			"note: bpffs is not mounted: others cannot use this \\x1b[2Jmemory\n"},
		{fakeTracer{events: few, notes: []string{"x"}}, "--lang zh", exitDone, "注意：x\n"},
		{fakeTracer{events: few, broken: errors.New("ring buffer: \x1b[2J gone")}, "", exitFailed, "sockeye: reading events: ring buffer: \\x1b[2J gone\n"},
		{fakeTracer{events: few, broken: errors.New("gone"), lost: 3}, "", exitFailed,
			"3 events were lost: more came than could be read, so the lines above are not all\nsockeye: reading events: gone\n"},
	} {
		got := machine{}.runTracer(t, &tt.fake, append(strings.Fields(tt.args), "--duration", "1s")...)
		if got.code != tt.code || got.stderr != tt.stderr || tt.fake.closed != 1 {
			t.Errorf("%q: exit code %d, stderr %q, closed %d times; want %d, %q", tt.args, got.code, got.stderr, tt.fake.closed, tt.code, tt.stderr)
		}
	}
}

func TestTraceUsage(t *testing.T) {
	for _, tt := range []struct{ args, stderr string }{
		{"--format json", "hint: --format takes text or ndjson"},
		{"--duration -1s", "--duration -1s is out of range"},
		{"--duration 5", "hint: a duration has a unit: 5s"},
		{"--count -1", "--count -1 is out of range"},
		{"--lives --failures", "sockeye: choose one of --lives, --failures and --top\nhint: see 'sockeye trace --help'\n"},
		{"--top --lives", "choose one of --lives, --failures and --top"},
		{"--top --lives --lang zh", "sockeye: --lives、--failures 和 --top 只能选一个\n提示：参见 'sockeye trace --help'\n"},
		{"--count x", "sockeye: --count takes a number, not \"x\"\nhint: see 'sockeye trace --help'\n"},
		{"--duration -1s --lang zh", "--duration -1s 超出范围\n提示："},
		{"--count -1 --lang zh", "--count -1 超出范围\n提示："},
		{"--format json --lang zh", "未知的格式 \"json\"\n提示："},
		{"--netns= --lang zh", "--netns 为空\n提示："},
		{"recvq > 0 --lang zh", "事件没有 recvq 这一项，不能用它筛选\n提示："},
		{"--top state estab --lang zh", "连接流（--top）没有 state 这一项"},
		{"netns foo", "sockeye: netns takes a number here\nhint: to trace one namespace by name: --netns foo\n"},
		{"netns foo --lang zh", "sockeye: netns 在这里只接受编号\n提示：按名称跟踪一个命名空间：--netns foo\n"},
		{"not ( netns != foo or process x )", "netns takes a number here"},
		{"--top netns foo", "netns takes a number here"},
		{"--netns=", "--netns is empty"},
		{"state time-wiat", "did you mean TIME_WAIT?"},
		{"--lang fr", "unknown language"},
		{"recvq > 0", "recvq is not known of events, so that no filter can ask for it\nhint: see 'sockeye trace --help'"},
		{"not user root", "user is not known of events"},
		{"--top state estab", "state is not known of flows"},
		{"--top closer local", "closer is not known of flows"},
		{"--nosuch", "hint: see 'sockeye trace --help'"},
	} {
		attach := func(context.Context, tracerOptions) (tracer, error) {
			t.Errorf("%q: a tracer was attached", tt.args)
			return nil, trace.ErrNotSupported
		}
		got := machine{}.runAttach(t, attach, strings.Fields(tt.args)...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, tt.stderr) {
			t.Errorf("%q: %+v, want …%q…", tt.args, got, tt.stderr)
		}
	}
}

func TestTraceIsNotPossible(t *testing.T) {
	for _, tt := range []struct {
		err    error
		stderr string
	}{
		{trace.ErrNoPrivilege, "sockeye: watching TCP in the kernel is not supported here: it needs root, or CAP_BPF and CAP_PERFMON\nhint: run it as root: sudo sockeye trace\n"},
		{fmt.Errorf("%w: tcp_destroy_sock", trace.ErrNoTracepoint),
			"sockeye: watching TCP in the kernel is not supported here: the kernel lacks a tracepoint: tcp_destroy_sock\n" +
				"hint: list, count and doctor work without it; only who opened, and what failed, stays unknown\n"},
		{collect.ErrUnknownNetNS, "sockeye: no such network namespace\nhint: --netns takes all, self"},
		{context.Canceled, "sockeye: interrupted before anything was seen\n"},
		{errors.New("map create: cannot allocate memory"), "sockeye: attaching the tracer: map create: cannot allocate memory\n"},
	} {
		got := machine{}.runAttach(t, func(context.Context, tracerOptions) (tracer, error) { return nil, tt.err })
		if got.code != exitFailed || got.stdout != "" || !strings.HasPrefix(got.stderr, tt.stderr) {
			t.Errorf("%v: %+v", tt.err, got)
		}
	}
}

func TestTraceIsNotPossibleInChinese(t *testing.T) {
	for err, want := range map[error]string{
		trace.ErrNoPrivilege:         "提示：请以 root 运行：sudo sockeye trace\n",
		trace.ErrNoTracepoint:        "提示：没有它，list、count 和 doctor 仍可使用",
		collect.ErrUnknownNetNS:      "提示：--netns 可以是 all、self",
		collect.ErrNotPermitted:      "提示：请以 root 运行",
		errors.New("map create: no"): "sockeye: 无法跟踪：map create: no\n",
		context.Canceled:             "sockeye: 还没有看到任何东西就被中断了\n",
	} {
		got := machine{}.runAttach(t, func(context.Context, tracerOptions) (tracer, error) { return nil, err }, "--lang", "zh")
		if got.code != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "hint") {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

// TestTraceOptions: the flags reach the tracer.
func TestTraceOptions(t *testing.T) {
	for args, want := range map[string]tracerOptions{
		"":                         {Events: trace.Changes | trace.Failures, NetNS: "all"},
		"--no-stacks --netns self": {Events: trace.Changes | trace.Failures, StacksOff: true, NetNS: "self"},
		"--top --netns 4711":       {NetNS: "4711"},
		"netns 12 process netns":   {Events: trace.Changes | trace.Failures, NetNS: "all"},
	} {
		f := &fakeTracer{counts: func() (*host.Activity, error) { return &host.Activity{}, nil }}
		machine{}.runTracer(t, f, append(strings.Fields(args), "--duration", "1s")...)
		if f.options != want {
			t.Errorf("%q: %+v, want %+v", args, f.options, want)
		}
	}
}

func TestTraceCount(t *testing.T) {
	f := &fakeTracer{events: sampleEvents()}
	got := machine{}.runTracer(t, f, "--count", "3", "--no-header")
	if got.code != exitDone || strings.Count(got.stdout, "\n") != 3 || f.closed != 1 {
		t.Errorf("%+v", got)
	}
}

// TestTraceInterrupted: Ctrl-C is how a trace ends, with whatever it has seen.
func TestTraceInterrupted(t *testing.T) {
	for _, events := range [][]*host.Event{nil, sampleEvents()[:1]} {
		ctx, cancel := context.WithCancel(context.Background())
		f := &fakeTracer{events: events}
		var out bytes.Buffer
		attach := func(ctx context.Context, o tracerOptions) (tracer, error) {
			cancel()
			return f.attach(ctx, o)
		}
		got := machine{}.runTo(t, ctx, &out, attach, "--no-header")
		if got.code != exitDone || got.stderr != "" || strings.Count(out.String(), "\n") != len(events) || f.closed != 1 {
			t.Errorf("%+v", got)
		}
	}
}

func TestTraceIntoAClosedPipe(t *testing.T) {
	counts := func() (*host.Activity, error) { return sampleActivity(1), nil }
	for _, args := range []string{"", "--format ndjson", "--no-header", "--top", "--top --format ndjson"} {
		for err, want := range map[error]int{syscall.EPIPE: exitDone, io.ErrClosedPipe: exitDone, errors.New("disk full"): exitFailed} {
			f := &fakeTracer{events: sampleEvents(), counts: counts}
			got := machine{}.runTo(t, context.Background(), brokenPipe{err}, f.attach, strings.Fields(args)...)
			if got.code != want || (got.stderr == "") != (want == exitDone) || f.closed != 1 {
				t.Errorf("%q, %v: %+v, closed %d times", args, err, got, f.closed)
			}
		}
	}
}

// TestTraceHostileNames: no format lets a name reach the terminal, and ndjson
// stays JSON.
func TestTraceHostileNames(t *testing.T) {
	events := sampleEvents()
	for _, e := range events {
		bad := "\x1b[2J\u202e\x00\"\xff"
		e.Life.Opener = &host.Opener{PID: 1, Name: bad, Cgroup: "/" + bad,
			Stack: &host.Stack{Frames: []host.Frame{{Function: bad, File: bad, Line: 1, Module: bad, Own: true}}}}
	}
	for _, tty := range []bool{false, true} {
		for _, args := range []string{"", "--wide", "--lives --wide", "--failures --wide", "--failures", "--format ndjson --wide"} {
			got := machine{tty: tty, width: 120, env: noColour}.runTracer(t, &fakeTracer{events: events}, append(strings.Fields(args), "--duration", "1s")...)
			if got.code != exitDone || !utf8.ValidString(got.stdout) || strings.ContainsAny(got.stdout, "\x1b\u202e\x00") {
				t.Errorf("%q prints %q", args, got.stdout)
			}
			for line := range strings.Lines(got.stdout) {
				if strings.Contains(args, "ndjson") && !json.Valid([]byte(line)) {
					t.Errorf("invalid: %s", line)
				}
			}
		}
	}
}

// TestUnknownIsNull: an event of which nothing is known invents nothing.
func TestUnknownIsNull(t *testing.T) {
	f := &fakeTracer{events: []*host.Event{{At: time.Unix(0, 0), InState: -1}}}
	got := machine{}.runTracer(t, f, "--format", "ndjson", "--count", "1")
	var row map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &row); err != nil {
		t.Fatal(err)
	}
	for key, v := range row {
		if key == "mini" {
			continue
		}
		if want := map[string]any{"event": "state", "at": "1970-01-01T00:00:00Z"}[key]; v != want {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	if len(row) != 25 {
		t.Errorf("%d fields", len(row))
	}
}

// longSample is what lines have to make room for: the longest addresses of IPv4,
// names, errnos and states, and functions in files of ordinary length.
func longSample() []*host.Event {
	var events []*host.Event
	for _, e := range sampleEvents() {
		if !e.Local.Addr().Is6() && (e.Life.Opener == nil || e.Life.Opener.PID == 812) {
			events = append(events, e)
		}
	}
	stack := &host.Stack{Frames: []host.Frame{{Function: "sockeye/internal/lab.(*churn).job", File: "/src/lab/traffic_linux.go", Line: 1167, Own: true}}}
	opener := &host.Opener{PID: 4194304, TID: 4194304, Name: "Chrome_ChildIOT", Cgroup: "/user.slice/user-1000.slice/session-3.scope", Stack: stack}
	local, remote := netip.MustParseAddrPort("192.168.100.101:60999"), netip.MustParseAddrPort("203.100.113.254:50051")
	for _, change := range [][2]tcp.State{{tcp.Closed, tcp.SynSent}, {tcp.SynSent, tcp.Established}, {tcp.Established, tcp.CloseWait}, {tcp.Established, tcp.FinWait1},
		{tcp.FinWait1, tcp.FinWait2}, {tcp.FinWait2, tcp.FinWait2}, {tcp.FinWait2, tcp.TimeWait}, {tcp.Established, tcp.Closed}, {tcp.SynSent, tcp.Closed}} {
		e := &host.Event{At: time.Unix(1e9, 0), NetNS: 4026531840, Cookie: 4194304, Local: local, Remote: remote, From: change[0], To: change[1], InState: 24 * time.Hour,
			Life: host.Life{Opener: opener, OpenedAt: time.Unix(1e9-5e6, 0)}, Sent: 1023 << 20, Received: 1023 << 20, Retrans: 999999}
		if change[0] == tcp.FinWait2 {
			e.Mini = true
		}
		if e.To == tcp.Closed {
			e.Errno, e.Life.Closer, e.Life.Ending = 104, host.CloserPeer, host.EndingReset
		}
		events = append(events, e)
	}
	for call, errnos := range map[string][]uint32{"connect": {99, 93, 1}, "bind": {98, 99}, "socket": {24, 94}, "accept": {24}} {
		for _, errno := range errnos {
			events = append(events, &host.Event{At: time.Unix(1e9, 0), Local: local, Remote: remote, InState: -1, Call: call, Errno: errno, Life: host.Life{Opener: opener}})
		}
	}
	return events
}

// TestLinesFit: with addresses of IPv4 and names as the kernel keeps them no line
// is longer than the terminal, whatever its width, and --failures always tells the line.
func TestLinesFit(t *testing.T) {
	for width := 80; width <= 260; width += 3 {
		for _, args := range []string{"", "--lives", "--failures", "--wide", "--lives --wide", "--failures --wide"} {
			got := machine{tty: true, width: width, env: noColour}.runTracer(t, &fakeTracer{events: longSample()}, append(strings.Fields(args), "--duration", "1s")...)
			for line := range strings.Lines(got.stdout) {
				if w := lipgloss.Width(strings.TrimSuffix(line, "\n")); w > width {
					t.Errorf("%q: %d columns on a terminal of %d: %s", args, w, width, line)
				}
				if strings.Contains(line, "EADDRNOTAVAIL") && !strings.Contains(args, "--wide") && !strings.Contains(line, "o:1167") && !strings.Contains(line, "store.go:88") {
					t.Errorf("%q, %d columns: where is it in the code? %s", args, width, line)
				}
			}
			if strings.Contains(args, "--wide") && !strings.Contains(got.stdout, "traffic_linux.go:1167)") {
				t.Errorf("%q, %d columns: no line of code", args, width)
			}
		}
	}
}

func TestCodeFits(t *testing.T) {
	code := value{kind: place, text: "example.org/lab.(*churn).job", file: "/src/lab/traffic.go", n: 167}
	for room, want := range map[int]string{
		99: "lab.(*churn).job (traffic.go:167)",
		33: "lab.(*churn).job (traffic.go:167)",
		32: "lab.(*churn).jo…(traffic.go:167)",
		25: "lab.(*ch…(traffic.go:167)",
		20: "lab…(traffic.go:167)",
		19: "traffic.go:167",
		14: "traffic.go:167",
		11: "…fic.go:167",
	} {
		if got := string(appendCodeFitting([]byte("x"), code, room)); got != "x"+want {
			t.Errorf("%d: %s, want %s", room, got[1:], want)
		}
	}
	for _, tt := range []struct {
		code value
		want string
	}{
		{value{kind: gapInStack, text: "no frame pointers"}, "[no frame…"},
		{value{kind: place, text: "abcdefghijklmn"}, "abcdefghi…"},
		{value{kind: place, text: "f", file: "\x1b[2J\u202e", n: 1}, "…J\\u202e:1"},
		{value{kind: place, text: strings.Repeat("数", 1<<12), file: strings.Repeat("据", 1<<12), n: 1}, "…据据据:1"},
	} {
		if got := string(appendCodeFitting(nil, tt.code, 10)); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestFinished: a connection ends when its socket does, or when the kernel keeps
// only a mini-socket of it; other sockets are none.
func TestFinished(t *testing.T) {
	far := netip.MustParseAddrPort("10.0.0.2:3306")
	for _, tt := range []struct {
		e    host.Event
		want bool
	}{
		{host.Event{From: tcp.FinWait2, To: tcp.TimeWait, Mini: true}, true},
		{host.Event{From: tcp.FinWait1, To: tcp.FinWait2, Mini: true}, true},
		{host.Event{From: tcp.FinWait1, To: tcp.FinWait2}, false},
		{host.Event{From: tcp.LastAck, To: tcp.Closed}, true},
		{host.Event{From: tcp.SynSent, To: tcp.Closed, Remote: far}, true},
		{host.Event{From: tcp.Unknown, To: tcp.Closed, Remote: far}, true},
		{host.Event{From: tcp.Unknown, To: tcp.Closed}, false},
		{host.Event{From: tcp.Listen, To: tcp.Closed}, false},
		{host.Event{From: tcp.Bound, To: tcp.Closed}, false},
		{host.Event{From: tcp.SynSent, To: tcp.Established}, false},
		{host.Event{From: tcp.SynSent, To: tcp.Closed, Call: "connect", Remote: far}, false},
	} {
		if got := finished(&tt.e); got != tt.want {
			t.Errorf("%v → %v, mini %v, %q: %v, want %v", tt.e.From, tt.e.To, tt.e.Mini, tt.e.Call, got, tt.want)
		}
	}
}

// TestFailureAgrees: --failures shows what the red lines are.
func TestFailureAgrees(t *testing.T) {
	var calls []string
	for _, e := range sampleEvents() {
		if failure(e) {
			calls = append(calls, string(whatColumn.text(nil, e))+" "+string(reasonColumn.text(nil, e)))
		}
	}
	want := []string{"in ESTABLISHED ECONNRESET", "connect() EADDRNOTAVAIL", "bind() EADDRINUSE", "socket() EMFILE", "in SYN_SENT ETIMEDOUT", "in SYN_SENT ECONNREFUSED"}
	if !slices.Equal(calls, want) {
		t.Errorf("%q, want %q", calls, want)
	}
}

// TestLinesAllocateLittle: a stream of 100,000 events a second must not drown in
// garbage.
func TestLinesAllocateLittle(t *testing.T) {
	e := sampleEvents()[2]
	for name, m := range map[string]machine{"pipe": {}, "terminal": {tty: true, width: 120, env: noColour}} {
		for _, args := range []string{"text", "ndjson"} {
			o := &traceOptions{format: args, noHeader: true}
			var out bytes.Buffer
			s := &stream{traceOptions: o, out: nil}
			render := o.renderer(App{StdoutTTY: m.tty, Width: m.width, Getenv: func(string) string { return "1" }, Stdout: &out}, s)
			line := make([]byte, 0, 4096)
			if allocs := testing.AllocsPerRun(100, func() { line = render(line[:0], e) }); allocs > 2 {
				t.Errorf("%s, %s: %v allocations a line", name, args, allocs)
			}
		}
	}
}
