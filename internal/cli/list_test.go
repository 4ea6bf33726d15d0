package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestListGolden(t *testing.T) {
	for name, tt := range map[string]struct {
		m    machine
		args []string
	}{
		"list_pipe":          {machine{}, []string{"list"}},
		"list_pipe_wide":     {machine{}, []string{"list", "--wide"}},
		"list_terminal":      {machine{tty: true, width: 160}, []string{"list"}},
		"list_narrow":        {machine{tty: true, width: 60}, []string{"list", "--wide", "--no-header"}},
		"list_plain":         {machine{tty: true, width: 120, env: map[string]string{"NO_COLOR": "1"}}, []string{"list", "sport", ":http", "--resolve-services"}},
		"list_one_namespace": {machine{tty: true, width: 120, env: map[string]string{"TERM": "dumb"}}, []string{"list", "recvq > 0"}},
		"list_json":          {machine{}, []string{"list", "--format", "json"}},
		"list_ndjson":        {machine{}, []string{"list", "--format", "ndjson", "state", "estab"}},
		"list_csv":           {machine{}, []string{"list", "--format", "csv"}},
		"list_sorted":        {machine{}, []string{"list", "--sort", "state,-lport", "--limit", "6", "--no-header"}},
		"list_sorted_by_age": {machine{}, []string{"list", "--sort", "-age"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.m.run(tt.args...)
			if got.code != exitDone {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			golden(t, name, []byte(got.stdout))
			wantNote := "note: made up code pid \\x1b[1m812: permission denied\n"
			if got.stderr != wantNote {
				t.Errorf("stderr %q, want %q", got.stderr, wantNote)
			}
		})
	}
}

func TestListEnds(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		code   int
		stderr string // a part
	}{
		{[]string{"list", "process", "nosuch"}, exitNothing, "sockeye: no socket matches: process = nosuch"},
		{[]string{"list", "process", "nosuch", "--lang", "zh"}, exitNothing, "注意：made up code"},
		{[]string{"list", "process", "nosuch", "--lang", "zh"}, exitNothing, "sockeye: 没有匹配的套接字：process = nosuch"},
		{[]string{"list", "state", "time-wiat"}, exitUsage, "sockeye: unknown state \"time-wiat\"\n  state time-wiat\n        ^\nhint: did you mean TIME_WAIT?\n"},
		{[]string{"list", "state", "time-wiat", "--lang", "zh"}, exitUsage, "sockeye: 未知的状态 \"time-wiat\""},
		{[]string{"list", "(", "dport", "=", ":443"}, exitUsage, "this '(' is never closed\n  ( dport = :443\n  ^\n"},
		{[]string{"list", "netns", "bleu"}, exitNothing, "no socket matches: netns = bleu\nhint: no network namespace that was looked into is called bleu; names are blue\n"},
		{[]string{"list", "netns", "900"}, exitNothing, "hint: no network namespace that was looked into has the inode 900; a PID is for --netns\n"},
		{[]string{"list", "netns", "bleu", "--lang", "zh"}, exitNothing, "提示：所查看的网络命名空间中没有 bleu；已有名称：blue\n"},
		{[]string{"count", "netns", "\x1b[2J"}, exitNothing, "is called \\x1b[2J; names are blue\n"},
		{[]string{"list", "netns blue pid 1"}, exitNothing, "sockeye: no socket matches: netns = blue and pid = 1\n"},
		{[]string{"list", "netns 4026532281 pid 1"}, exitNothing, "sockeye: no socket matches: netns = 4026532281 and pid = 1\n"},
		{[]string{"list", "--netns", "nosuch"}, exitFailed, "no such network namespace"},
		{[]string{"list", "--format", "yaml"}, exitUsage, "hint: --format takes table, json, ndjson or csv"},
		{[]string{"list", "--sort", "lprot"}, exitUsage, "hint: did you mean lport?"},
		{[]string{"list", "--limit", "-1"}, exitUsage, "--limit -1 is out of range"},
		{[]string{"list", "--nosuch"}, exitUsage, "hint: see 'sockeye list --help'"},
		{[]string{"list", "-n", "-r"}, exitUsage, "none of the others can be"},
		{[]string{"list", "--lang", "fr"}, exitUsage, "unknown language"},
		{[]string{"count", "--by", "stat"}, exitUsage, "hint: did you mean state?"},
		{[]string{"count", "--by", "recvq"}, exitUsage, "--by takes state, process"},
		{[]string{"count", "--by", ""}, exitUsage, "unknown field"},
		{[]string{"count", "--top", "-1"}, exitUsage, "--top -1 is out of range"},
		{[]string{"count", "pid", "1"}, exitNothing, "no socket matches: pid = 1"},
	} {
		got := machine{}.run(tt.args...)
		ended := strings.HasSuffix(got.stderr, tt.stderr) // with a line's end nothing may follow
		if got.code != tt.code || !strings.Contains(got.stderr, tt.stderr) || strings.HasSuffix(tt.stderr, "\n") && !ended || got.stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d, …%q…", tt.args, got.code, got.stdout, got.stderr, tt.code, tt.stderr)
		}
	}
}

func TestListOfNothing(t *testing.T) {
	empty := machine{take: func(context.Context, collect.Options) (*host.Snapshot, error) { return &host.Snapshot{}, nil }}
	got := empty.run("list")
	if got != (result{exitNothing, "", "sockeye: no TCP sockets were seen\n"}) {
		t.Errorf("%+v", got)
	}
	got = empty.run("list", "--format", "json")
	want := `{"schema":"sockeye.sockets/v1","taken_at":null,"source":{"kind":null,"sockets_by":null,"owners_by":null},"sockets":[` +
		"\n" + `],"blind_spots":[]}` + "\n"
	if got.code != exitNothing || got.stdout != want {
		t.Errorf("exit code %d, %s", got.code, got.stdout)
	}
}

// TestWhatIsAsked: the flags reach the collector, and measurements are only
// asked for where they are shown.
func TestWhatIsAsked(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want collect.Options
	}{
		{[]string{"list"}, collect.Options{NetNS: "all", SocketsBy: "auto", SocketsOnly: true, NoInfo: true}},
		{[]string{"list", "--wide", "--netns", "self"}, collect.Options{NetNS: "self", SocketsBy: "auto", SocketsOnly: true}},
		{[]string{"list", "--format", "csv"}, collect.Options{NetNS: "all", SocketsBy: "auto", SocketsOnly: true}},
		{[]string{"list", "--sort=-rtt"}, collect.Options{NetNS: "all", SocketsBy: "auto", SocketsOnly: true}},
		{[]string{"count", "--sockets-by", "procfs"}, collect.Options{NetNS: "all", SocketsBy: "procfs", SocketsOnly: true, NoInfo: true}},
	} {
		var got collect.Options
		m := machine{take: func(_ context.Context, o collect.Options) (*host.Snapshot, error) {
			got = o
			return sampleSnapshot(), nil
		}}
		if r := m.run(tt.args...); r.code != exitDone {
			t.Errorf("%q: %+v", tt.args, r)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
	}
}

// TestHostileNames: no format lets a name reach the terminal, and JSON and CSV
// stay readable by machines.
func TestHostileNames(t *testing.T) {
	for _, args := range [][]string{
		{"list"}, {"list", "--wide"}, {"list", "--format", "json"}, {"list", "--format", "ndjson"}, {"list", "--format", "csv"},
		{"count", "--by", "process"}, {"count", "--by", "process", "--format", "json"}, {"count", "--by", "process", "--format", "csv"},
	} {
		out := machine{}.run(args...).stdout
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\x1b\u202e\x00") {
			t.Errorf("%q prints %q", args, out)
		}
	}
	var row struct {
		Process string `json:"process"`
	}
	line := machine{}.run("list", "--format", "ndjson", "pid", "666").stdout
	if err := json.Unmarshal([]byte(line), &row); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(hostileName, "\ufffd"); row.Process != want {
		t.Errorf("JSON says %q, want %q", row.Process, want)
	}
	cells, err := csv.NewReader(strings.NewReader(machine{}.run("list", "--format", "csv").stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cells[7][8], host.Printable(hostileName); got != want {
		t.Errorf("CSV says %q, want %q", got, want)
	}
}

func TestJSONIsValid(t *testing.T) {
	for _, args := range [][]string{{"list", "--format", "json"}, {"count", "--format", "json", "--by", "process,laddr,netns,user"}} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(machine{}.run(args...).stdout), &doc); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	for line := range strings.Lines(machine{}.run("list", "--format", "ndjson").stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("invalid: %s", line)
		}
	}
}

// TestAddressesAreNeverShortened: neither on the narrowest terminal.
func TestAddressesAreNeverShortened(t *testing.T) {
	out := machine{tty: true, width: 10}.run("list", "--wide").stdout
	for _, want := range []string{"[2001:db8:0:1:1234:5678:9abc:def0]:443", "[2001:db8:ffff::9]:50000", "10.0.0.1:41234", "(666)"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestColumnsFit(t *testing.T) {
	sn := sampleSnapshot()
	sn.Sockets = sn.Sockets[4:7]
	sn.Processes[666].Name = strings.Repeat("数据库", 20)
	m := machine{tty: true, width: 90, env: map[string]string{"NO_COLOR": "1"},
		take: func(context.Context, collect.Options) (*host.Snapshot, error) { return sn, nil }}
	out := m.run("list").stdout
	for line := range strings.Lines(out) {
		if w := lipgloss.Width(strings.TrimRight(line, "\n")); w > 90 {
			t.Errorf("%d columns: %s", w, line)
		}
	}
	if !strings.Contains(out, "…(666)") {
		t.Errorf("the pid was cut off:\n%s", out)
	}
}

type brokenPipe struct{ err error }

func (w brokenPipe) Write([]byte) (int, error) { return 0, w.err }

func TestClosedPipeIsQuiet(t *testing.T) {
	for _, format := range []string{"table", "json", "ndjson", "csv"} {
		for name, want := range map[error]int{syscall.EPIPE: exitDone, io.ErrClosedPipe: exitDone, errors.New("disk full"): exitFailed} {
			var stderr bytes.Buffer
			app := App{Stdout: brokenPipe{name}, Stderr: &stderr, Getenv: func(string) string { return "" }}
			take := func(context.Context, collect.Options) (*host.Snapshot, error) {
				sn := sampleSnapshot()
				sn.BlindSpots = nil
				return sn, nil
			}
			code := runRoot(context.Background(), []string{"list", "--format", format}, app, take)
			if code != want || (stderr.Len() == 0) != (want == exitDone) {
				t.Errorf("%s, %v: exit code %d, stderr %q", format, name, code, stderr.String())
			}
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out, stderr bytes.Buffer
	app := App{Stdout: &out, Stderr: &stderr, Getenv: func(string) string { return "" }}
	code := runRoot(ctx, []string{"list", "--format", "ndjson"}, app, func(context.Context, collect.Options) (*host.Snapshot, error) {
		cancel()
		return sampleSnapshot(), nil
	})
	if code != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func manySockets(n int) *host.Snapshot {
	sn := sampleSnapshot()
	base := sn.Sockets
	sn.Sockets = make([]tcp.Socket, n)
	for i := range sn.Sockets {
		sn.Sockets[i] = base[i%len(base)]
	}
	sn.BlindSpots = nil
	return sn
}

// TestFewAllocations: printing a row must not allocate, whatever the format.
func TestFewAllocations(t *testing.T) {
	const n = 5000
	sn := manySockets(n)
	for i := range sn.Sockets { // escaping a hostile name may copy
		if sn.Sockets[i].PID == 666 {
			sn.Sockets[i].PID = 812
		}
	}
	take := func(context.Context, collect.Options) (*host.Snapshot, error) { return sn, nil }
	for _, args := range [][]string{
		{"list"}, {"list", "--wide"}, {"list", "-r"}, {"list", "--format", "ndjson"}, {"list", "--format", "json"}, {"list", "--format", "csv"},
		{"list", "--sort", "process,-raddr"}, {"count", "--by", "process,raddr,state"},
	} {
		app := App{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}
		allocs := testing.AllocsPerRun(3, func() { runRoot(context.Background(), args, app, take) })
		if perRow := allocs / n; perRow > 0.5 {
			t.Errorf("%q: %.2f allocations a row", args, perRow)
		}
	}
}

func BenchmarkList(b *testing.B) {
	const n = 200_000
	sn := manySockets(n)
	take := func(context.Context, collect.Options) (*host.Snapshot, error) { return sn, nil }
	for name, args := range map[string][]string{
		"tabs": {"list"}, "wide": {"list", "--wide"}, "filter": {"list", "process", "java", "dst", "10.0.0.0/8"}, "json": {"list", "--format", "json"},
		"csv": {"list", "--format", "csv"}, "sort": {"list", "--sort", "process,-lport"}, "count": {"count", "--by", "process,state"},
	} {
		for _, tty := range []bool{false, true} {
			if tty && name != "tabs" {
				continue
			}
			label := name
			if tty {
				label = "terminal"
			}
			b.Run(label, func(b *testing.B) {
				b.ReportAllocs()
				app := App{Stdout: io.Discard, Stderr: io.Discard, StdoutTTY: tty, Width: 120, Getenv: func(string) string { return "" }}
				for b.Loop() {
					if code := runRoot(context.Background(), args, app, take); code != exitDone {
						b.Fatal(code)
					}
				}
			})
		}
	}
}
