package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// shopStack leads to a line of code, deep under a library.
func shopStack() *host.Stack {
	return &host.Stack{Frames: []host.Frame{
		{Addr: 0x47f2aa, Function: "syscall.connect", File: "/usr/local/go/src/syscall/zsyscall_linux_amd64.go", Line: 1413, Module: "/srv/shop"},
		{Addr: 0x5d10c2, Function: "net.(*netFD).connect", File: "/usr/local/go/src/net/fd_unix.go", Line: 62, Module: "/srv/shop"},
		{Addr: 0x77ab01, Function: "github.com/acme/shop/dao.(*Store).Query", File: "/src/shop/dao/store.go", Line: 88, Module: "/srv/shop", Own: true},
		{Addr: 0x77b000, Function: "main.main", File: "/src/shop/main.go", Line: 12, Module: "/srv/shop", Own: true},
	}}
}

// tracedSnapshot is the sample machine with a tracer that remembers.
func tracedSnapshot() *host.Snapshot {
	sn := sampleSnapshot()
	at := func(ago time.Duration) time.Time { return sn.TakenAt.Add(-ago) }
	shop := &host.Opener{PID: 812, TID: 830, Name: "shop", Cgroup: "/system.slice/shop.service", Stack: shopStack()}
	for i := range sn.Sockets {
		if sn.Sockets[i].Cookie == 0 && sn.Sockets[i].State.Connected() {
			sn.Sockets[i].Cookie = uint64(1000 + i)
		}
	}
	sn.Remembered = at(time.Hour)
	sn.Lives = map[uint64]*host.Life{
		9:    {Opener: shop, OpenedAt: at(90 * time.Second)},
		1003: {Opener: &host.Opener{PID: 900, Name: "nginx", Accepted: true}, Incoming: true, OpenedAt: at(3 * time.Second)},
		1004: {Opener: shop, OpenedAt: at(20 * time.Second), Closer: host.CloserLocal, Ending: host.EndingFin, ClosedAt: at(18800 * time.Millisecond)},
		1005: {Opener: &host.Opener{PID: 77, Name: "java", Stack: &host.Stack{Gap: host.GapJIT}}, OpenedAt: at(2 * time.Second),
			Closer: host.CloserLocal, Ending: host.EndingFin, ClosedAt: at(time.Second)},
		1006: {Opener: &host.Opener{PID: 666, Name: hostileName}, OpenedAt: at(10 * time.Minute),
			Closer: host.CloserPeer, Ending: host.EndingFin, ClosedAt: at(9 * time.Minute)},
		// 1007 began before anybody watched: only its end was seen.
		1007: {Closer: host.CloserLocal, Ending: host.EndingFin, ClosedAt: at(4 * time.Second)},
	}
	return sn
}

func tracedTake(context.Context, collect.Options) (*host.Snapshot, error) {
	sn := tracedSnapshot()
	sn.BlindSpots = nil
	return sn, nil
}

func TestMemoryGolden(t *testing.T) {
	const asked = "note: 1 of 6 connections were opened before the tracer started (08:05:00), so nobody remembers who opened them\n"
	const unheld = "note: 1 of 3 connections that nobody holds were opened before the tracer started (08:05:00), so nobody remembers who opened them\n"
	for name, tt := range map[string]struct {
		m      machine
		args   []string
		stderr string
	}{
		"memory_terminal":    {machine{take: tracedTake, tty: true, width: 160, env: map[string]string{"NO_COLOR": "1"}}, []string{"list"}, unheld},
		"memory_pipe_wide":   {machine{take: tracedTake}, []string{"list", "--wide", "state", "connected"}, unheld},
		"memory_ndjson":      {machine{take: tracedTake}, []string{"list", "--format", "ndjson", "state", "connected"}, unheld},
		"memory_ndjson_wide": {machine{take: tracedTake}, []string{"list", "--format", "ndjson", "--wide", "opener", "shop", "state", "time-wait"}, ""},
		"memory_csv":         {machine{take: tracedTake}, []string{"list", "--format", "csv", "state", "connected"}, unheld},
		"memory_sorted":      {machine{take: tracedTake}, []string{"list", "--no-header", "--sort", "code,-opener-pid,opener,closer"}, asked},
		"memory_count":       {machine{take: tracedTake, tty: true, width: 100}, []string{"count", "state", "connected", "--by", "opener,closer,code"}, asked},
		"memory_count_json":  {machine{take: tracedTake}, []string{"count", "state", "connected", "--by", "opener-pid,code", "--format", "json"}, asked},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.m.run(tt.args...)
			if got.code != exitDone || got.stderr != tt.stderr {
				t.Errorf("exit code %d, stderr %q, want %q", got.code, got.stderr, tt.stderr)
			}
			golden(t, name, []byte(got.stdout))
		})
	}
}

func TestMemoryFilters(t *testing.T) {
	for filter, want := range map[string]string{ // local ports
		"opener shop":                     "41234 41235",
		"opener 77":                       "41236",
		"opener ~ ngin":                   "443",
		"opener != shop state time-wait":  "41236",
		"closer peer":                     "50001",
		"closer local":                    "41235 41236 8080",
		"closer = local opener shop":      "41235",
		"code store.go:88":                "41234 41235",
		"code 'dao.(*Store)' closer peer": "",
		"code jit":                        "",
		"code '[jit]'":                    "41236",
		"code '[not sampled]'":            "443 50001",
		"code sampled":                    "",
		"code != store.go state estab":    "443",
		// process and pid remain the owner
		"pid 812 state time-wait":   "",
		"process shop":              "",
		"age > 8m":                  "50001",
		"age > 10m":                 "",
		"state close-wait age < 9m": "",
	} {
		got := machine{take: tracedTake}.run("list", "--format", "csv", "--no-header", filter)
		var ports []string
		for line := range strings.Lines(got.stdout) {
			ports = append(ports, strings.Split(line, ",")[4])
		}
		slices.Sort(ports)
		if p := strings.Join(ports, " "); p != want {
			t.Errorf("%s: %q, want %q (%s)", filter, p, want, got.stderr)
		}
	}
}

func TestWithoutMemory(t *testing.T) {
	const opener = "hint: only a running 'sockeye trace' remembers who opened; start it first (as root)\n"
	const closer = "hint: here only the state tells who closed first; a running 'sockeye trace' sees it happen\n"
	silent := func(context.Context, collect.Options) (*host.Snapshot, error) {
		sn := sampleSnapshot()
		sn.BlindSpots = nil
		return sn, nil
	}
	for _, tt := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"list", "opener", "java"}, exitNothing, "sockeye: no socket matches: opener = java\n" + opener},
		{[]string{"list", "not", "opener", "java"}, exitDone, opener},
		{[]string{"list", "code", "x"}, exitNothing, "sockeye: no socket matches: code ~ x\n" + opener},
		{[]string{"list", "--sort", "-opener-pid"}, exitDone, opener},
		{[]string{"count", "--by", "state,code"}, exitDone, opener},
		{[]string{"count", "--by", "opener"}, exitDone, opener},
		{[]string{"count", "--by", "closer"}, exitDone, closer},
		{[]string{"list", "closer", "peer"}, exitDone, closer},
		{[]string{"list", "process", "java"}, exitDone, ""},
		{[]string{"list", "--wide"}, exitDone, ""},
		{[]string{"count", "state", "time-wait", "--by", "opener", "--format", "json"}, exitDone, opener},
		{[]string{"list", "--lang", "zh", "closer", "peer"}, exitDone,
			"提示：这里的 closer 只是由状态推断；运行中的 sockeye trace 才会亲眼看到谁先关闭\n"},
		{[]string{"list", "--lang", "zh", "opener", "x"}, exitNothing,
			"sockeye: 没有匹配的套接字：opener = x\n提示：只有运行中的 sockeye trace 才记得是谁打开了连接；请先（以 root）启动它\n"},
	} {
		got := machine{take: silent}.run(tt.args...)
		if got.code != tt.code || got.stderr != tt.stderr {
			t.Errorf("%q: exit code %d, stderr %q; want %d, %q", tt.args, got.code, got.stderr, tt.code, tt.stderr)
		}
	}
}

// TestPrintedCodeIsFound: a cell that was printed selects its rows, whichever way
// it was printed and compared.
func TestPrintedCodeIsFound(t *testing.T) {
	const want = "41234\n41235\n"
	rows := func(args ...string) string {
		var ports strings.Builder
		out := machine{take: tracedTake}.run(append([]string{"list", "--format", "csv", "--no-header", "--sort", "lport"}, args...)...)
		for line := range strings.Lines(out.stdout) {
			ports.WriteString(strings.Split(line, ",")[4] + "\n")
		}
		return ports.String()
	}
	count := []string{"count", "--by", "code", "--no-header", "opener", "shop"}
	whole, _, _ := strings.Cut(machine{take: tracedTake}.run(append(count, "--format", "csv")...).stdout, ",")
	cells := []string{whole, "dao.(*Store).Query (dao/store.go:88)"} // the latter is the doctor's
	for _, width := range []int{20, 40, 45, 80} {
		_, cell, _ := strings.Cut(machine{take: tracedTake, tty: true, width: width}.run(count...).stdout, "%  ")
		cells = append(cells, strings.TrimSpace(cell))
	}
	if got := strings.Count(strings.Join(cells, "\n"), "…"); got != 3 {
		t.Errorf("%d cells are shortened: %q", got, cells)
	}
	for _, cell := range cells {
		for _, filter := range [][]string{{"code", cell}, {"code", "=", cell}, {"code '" + cell + "'"}} {
			if got := rows(filter...); got != want {
				t.Errorf("%q selects %q, want %q", filter, got, want)
			}
		}
	}
}

// TestRemembering: the memory is asked once a look, and of nothing when the look
// failed.
func TestRemembering(t *testing.T) {
	asked := 0
	remember := func(sn *host.Snapshot) {
		asked++
		sn.Sockets[4].Cookie = 7
		sn.Lives = map[uint64]*host.Life{7: {Opener: &host.Opener{PID: 812, Name: "java"}}}
		sn.BlindSpots = append(sn.BlindSpots, host.BlindSpot{Code: "made-up-memory", Err: "half of it", Count: 1})
	}
	got := machine{take: remembering(sampleTake, remember)}.run("list", "--no-header", "opener", "java")
	if !strings.HasPrefix(got.stdout, "TIME_WAIT\t0\t0\t10.0.0.1:41235\t10.0.0.2:3306\t←java(812)\t") || asked != 1 {
		t.Errorf("asked %d times: %+v", asked, got)
	}
	if !strings.Contains(got.stderr, "note: made up memory: half of it\n") {
		t.Errorf("what the memory did not see is not told: %s", got.stderr)
	}
	if got := (machine{take: remembering(sampleTake, remember)}).run("list", "--netns", "nosuch"); got.code != exitFailed || asked != 1 {
		t.Errorf("asked %d times: %+v", asked, got)
	}
}

// TestMemoryAllocatesLittle: a row with an opener costs no more than one without.
func TestMemoryAllocatesLittle(t *testing.T) {
	const n = 5000
	sn := tracedSnapshot()
	sn.BlindSpots = nil
	tw := sn.Sockets[4]
	sn.Sockets = slices.Repeat([]tcp.Socket{tw}, n)
	take := func(context.Context, collect.Options) (*host.Snapshot, error) { return sn, nil }
	for _, args := range [][]string{
		{"list"}, {"list", "--wide"}, {"list", "--format", "ndjson"}, {"list", "--format", "csv"},
		{"list", "opener", "shop", "closer", "local"}, {"count", "--by", "opener,code,closer"},
	} {
		app := App{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}
		allocs := testing.AllocsPerRun(3, func() { runRoot(context.Background(), args, app, take) })
		if perRow := allocs / n; perRow > 0.5 {
			t.Errorf("%q: %.2f allocations a row", args, perRow)
		}
	}
}

func TestWithoutFolders(t *testing.T) {
	for function, want := range map[string]string{
		"main.query": "main.query",
		"github.com/acme/shop/dao.(*Store).Query": "dao.(*Store).Query",
		"example.org/a/b.Map[github.com/x/y.T]":   "b.Map[github.com/x/y.T]",
		"shop::Dao::query":                        "shop::Dao::query",
		"<alloc::vec::Vec<a/b> as x>::f":          "<alloc::vec::Vec<a/b> as x>::f",
		"":                                        "", "/": "", "a/": "",
	} {
		if got := withoutFolders(function); got != want {
			t.Errorf("%q: %q, want %q", function, got, want)
		}
	}
}

func TestAppendFraction(t *testing.T) {
	for _, tt := range []struct {
		n      int64
		digits int
		want   string
	}{{31, 6, "0.000031"}, {1_500_000, 6, "1.5"}, {0, 3, "0"}, {-1, 3, "-0.001"}, {12_000, 3, "12"}, {12_010, 3, "12.01"}} {
		if got := string(appendFraction(nil, tt.n, tt.digits)); got != tt.want {
			t.Errorf("%d: %s, want %s", tt.n, got, tt.want)
		}
	}
}
