package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinesWith(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	tests := []struct {
		name, text, owner string
		want              seen
	}{
		{"ss", "State Recv-Q\nESTAB 0 0 a b users:((\"bench\",pid=1,fd=3))\nESTAB 0 0 b a\nLISTEN 0 bench\n", "bench", seen{2, 1}},
		{"lsof", "COMMAND PID\nbench 7 root 3u IPv4 1 0t0 TCP a->b (ESTABLISHED)\n", "bench", seen{1, 1}},
		{"nobody asked for owners", "ESTAB\nESTAB", "", seen{2, -1}},
		{"nothing", "", "bench", seen{0, 0}},
		{"a line beyond the buffer", long + "\nESTAB bench\n", "bench", seen{1, 1}},
	}
	for _, tt := range tests {
		got, err := linesWith("ESTAB", tt.owner)(strings.NewReader(tt.text))
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestCountOf(t *testing.T) {
	const text = "COUNT\tSHARE\tSTATE\n20000\t99.9%\tESTABLISHED\n12\t<0.1%\tLISTEN\n20012\t100.0%\ttotal\n"
	for state, want := range map[string]int{"ESTABLISHED": 20000, "LISTEN": 12, "TIME_WAIT": 0} {
		if got, err := countOf(state)(strings.NewReader(text)); err != nil || got.sockets != want {
			t.Errorf("%s: %+v, %v, want %d", state, got, err, want)
		}
	}
}

func TestFalseAlarms(t *testing.T) {
	const report = `{"verdict":"warning","totals":{"sockets":10,"by_state":{"TIME_WAIT":9}},
		"findings":[{"id":"short-lived-connections","severity":"notice"},{"id":"short-lived-connections","severity":"notice"},
			{"id":"port-exhaustion","severity":"warning"}],
		"limits":[{"id":"ephemeral-ports","utilization":0.71},{"id":"conntrack","utilization":null}]}`
	v, err := readVerdict(strings.NewReader(report))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"9 TIME_WAIT in totals, 10 made", "port-exhaustion is no warning", "ephemeral-ports used to 71 %"}
	if diff := cmp.Diff(want, v.falseAlarms("TIME_WAIT", 10)); diff != "" {
		t.Error(diff)
	}
	if got, want := v.said(), "warning: short-lived-connections (notice) ×2, port-exhaustion (warning)"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	healthy := verdict{Verdict: "healthy"}
	healthy.Totals.ByState = map[string]int{"TIME_WAIT": 10}
	if wrong := healthy.falseAlarms("TIME_WAIT", 10); wrong != nil {
		t.Errorf("a healthy report is called false: %q", wrong)
	}
	if _, err := readVerdict(strings.NewReader("sockeye: no")); err == nil {
		t.Error("text that is no JSON was read as a report")
	}
}

func TestSpread(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	got := spreadOf([]sample{{wall: ms(9), cpu: ms(1), peak: 5}, {wall: ms(1), cpu: ms(4), peak: 7}, {wall: ms(3), cpu: ms(2), peak: 6}})
	if want := (spread{ms(1), ms(3), ms(9), ms(2), 7}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := spreadOf([]sample{{wall: ms(2)}, {wall: ms(4)}}).median; got != ms(3) {
		t.Errorf("median of two is %v, want 3ms", got)
	}
	if got := spreadOf(nil); got != (spread{}) {
		t.Errorf("nothing comes to %+v", got)
	}
}

func TestPrintRows(t *testing.T) {
	s := spread{78 * time.Millisecond, 312 * time.Millisecond, 1040 * time.Millisecond, 1200 * time.Microsecond, 104_400_000}
	var b strings.Builder
	printRows(&b, []row{
		{name: "sockeye list, by sock_diag", spread: s, runs: 7, ratio: 1, note: "all, owners"},
		{name: "netstat -tanp", spread: s, runs: 2, ratio: 118.4, note: "not all", amiss: "saw 1 sockets where there were 2"},
		{name: "lsof -nP -iTCP", left: "not installed"},
	})
	const want = `                                  min   median      max      cpu  memory   ratio runs  saw
sockeye list, by sock_diag      78 ms   312 ms   1.04 s   1.2 ms  104 MB     1.0    7  all, owners
netstat -tanp                   78 ms   312 ms   1.04 s   1.2 ms  104 MB     118    2  not all
lsof -nP -iTCP               not installed
netstat -tanp saw 1 sockets where there were 2
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 101 {
			t.Errorf("wider than 100 columns: %q", line)
		}
	}
}

func TestGoals(t *testing.T) {
	if g := below("x", 500*time.Millisecond, 500*time.Millisecond); !g.reached {
		t.Error("what is exactly the most is missed")
	}
	if g := below("x", 0, time.Second); g.reached {
		t.Error("what was not measured is reached")
	}
	if g, ok := share("x", time.Second, 49*time.Second, 50); !ok || g.reached || g.got != "49 times" {
		t.Errorf("%+v, %v", g, ok)
	}
	if _, ok := share("x", time.Second, 0, 50); ok {
		t.Error("a ratio to what was not measured")
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1_000_000: "1,000,000", -1234: "-1,234"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}
