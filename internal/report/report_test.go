package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ptr[T any](v T) *T { return &v }

// sick is a report with a cause, its consequence, another finding and hostile
// names in every place that somebody else may fill.
func sick(lang string) *diagnose.Report {
	dest := []diagnose.Destination{{Addr: "10.0.0.2", Port: 3306, Sockets: 28001}}
	java := diagnose.Culprit{PID: 812, Process: "java", Exe: "/usr/bin/java", Cmdline: "/usr/bin/java -jar /srv/shop/shop.jar --spring.profiles.active=production --server.port=8080 --with-a-long-tail",
		User: "app", Unit: "shop.service", Container: &diagnose.Container{ID: "8d3c51a9f0aa", Name: "shop"}, Runtime: "jvm",
		Sockets: 28001, Share: 0.991, ByState: map[string]int{"TIME_WAIT": 28001}, AttributedBy: "opener", StacksSampled: 27904, StacksOf: 27904, StacksOwn: true,
		Code: []diagnose.Code{{Function: "shop.Dao.query", File: "src/main/java/shop/Dao.java", Line: 88, Sockets: 27400, Call: "connect"},
			{Sockets: 504, Gap: "jit", Call: "connect"}}}
	evil := diagnose.Culprit{PID: 666, Process: "ev\x1b[31mil\nname\u202e", Cmdline: "\x1b]0;owned\x07 `rm` |x|", Sockets: 3, Share: 0.5, AttributedBy: "owner",
		StacksSampled: 420, StacksOf: 28001, Code: []diagnose.Code{
			{Function: "example.org/ev\x1b[2Jil/dial.(*Dialer[example.org/x.T]).Dial", File: "/build/ev\nil/main\u202e.go", Line: 41, Sockets: 412, Call: "connect"},
			{Function: diagnose.Optional(strings.Repeat("template<", 40)), Sockets: 4, Call: "connect"},
			{Function: "Ratio::operator/", File: `C:\src\ratio.cc`, Sockets: 2, Call: "accept", Grew: 2},
			{Sockets: 2, Gap: "no frame pointers", Call: "connect"}}}
	return &diagnose.Report{
		Schema: diagnose.Schema, Tool: diagnose.Tool{Version: "0.1.0"}, Lang: lang,
		Host:    diagnose.Host{Name: ptr("web-1"), OS: ptr("linux"), Kernel: ptr("6.18.44"), UptimeS: ptr(86400.0 + 3600)},
		TakenAt: time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC), WindowS: 1,
		Source:  diagnose.Source{Kind: "live", SocketsBy: "bpf-iter", OwnersBy: "bpf-iter", EventsBy: "tracepoint"},
		Verdict: diagnose.Critical,
		Totals:  diagnose.Totals{Sockets: 28411, ByState: map[string]int{"TIME_WAIT": 28001, "ESTABLISHED": 390, "LISTEN": 20}},
		Limits: []diagnose.Limit{
			{ID: "ephemeral-ports", Title: "ports", Scope: diagnose.Scope{NetNS: "1", Laddr: "10.0.0.1", Raddr: "10.0.0.2", Rport: 3306},
				Used: ptr(uint64(28001)), Capacity: 28232, Utilization: ptr(0.9918), Unit: "ports", RatePerS: ptr(466.0), SteadyState: ptr(uint64(27960)), FullInS: ptr(3.0)},
			{ID: "process-fds", Title: "files", Scope: diagnose.Scope{PID: 666, Process: evil.Process}, Used: ptr(uint64(600)), Capacity: 1024, Utilization: ptr(0.586), Unit: "files"},
			{ID: "memory", Title: "memory", Used: ptr(uint64(1 << 30)), Capacity: 1 << 34, Utilization: ptr(0.0625), Unit: "bytes"},
			{ID: "orphans", Title: "orphans", Used: nil, Capacity: 131072, Unit: "sockets"},
		},
		Findings: []diagnose.Finding{
			{ID: "port-exhaustion", Severity: diagnose.Critical, Certainty: diagnose.Proven, Title: "No local ports left towards 10.0.0.2:3306",
				Explanation: "connect() needs a port and there is none.", Causes: []string{"short-lived-connections"}, Culprits: []diagnose.Culprit{java}, Destinations: dest,
				Evidence: []diagnose.Evidence{{Fact: "28,001 of 28,232 ports are taken", Value: 28001, Source: "bpf-iter"}},
				Remedies: []diagnose.Remedy{{Kind: "code", Title: "Reuse", Detail: "Pool."}, {Kind: "kernel", Title: "Reuse TIME_WAIT", Command: "sysctl -w net.ipv4.tcp_tw_reuse=1", Effect: "more", Risk: "low"}}},
			{ID: "suspicious-process", Severity: diagnose.Warning, Certainty: diagnose.Likely, Title: "evil", Explanation: "It says \x1b[2J.", Causes: []string{},
				Culprits: []diagnose.Culprit{evil}, Destinations: []diagnose.Destination{}, Evidence: []diagnose.Evidence{{Fact: "exe \x1b[0m is deleted", Value: 1, Source: "/proc"}}, Remedies: []diagnose.Remedy{}},
			{ID: "short-lived-connections", Severity: diagnose.Notice, Certainty: diagnose.Likely, Title: "A new connection for each piece of work to 10.0.0.2:3306 (466/s)",
				Explanation: "It opens and closes.", Causes: []string{}, Culprits: []diagnose.Culprit{java}, Destinations: dest,
				Evidence: []diagnose.Evidence{{Fact: "28,001 in TIME_WAIT", Value: 28001, Source: "bpf-iter"}},
				Remedies: []diagnose.Remedy{{Kind: "code", Title: "Share one pooled client in the JVM", Detail: "Use a pool such as HikariCP instead of DriverManager.getConnection for each call, and read each response to its end."}}},
		},
		BlindSpots: []diagnose.BlindSpot{{What: "owners of other users' sockets", Why: "not root", Remedy: "run it with sudo"}},
	}
}

func healthy(lang string) *diagnose.Report {
	r := sick(lang)
	r.Verdict, r.WindowS, r.Findings, r.BlindSpots = diagnose.Healthy, 0, []diagnose.Finding{}, []diagnose.BlindSpot{}
	r.Limits = r.Limits[1:3]
	r.Totals = diagnose.Totals{Sockets: 3, ByState: map[string]int{"LISTEN": 3}}
	return r
}

func TestGolden(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for name, print := range map[string]func(*bytes.Buffer) error{
			"sick.txt":    func(b *bytes.Buffer) error { return Text(b, sick(lang), book, TextOptions{Width: 100}) },
			"wide.txt":    func(b *bytes.Buffer) error { return Text(b, sick(lang), book, TextOptions{Width: 100, Wide: true}) },
			"healthy.txt": func(b *bytes.Buffer) error { return Text(b, healthy(lang), book, TextOptions{Width: 80}) },
			"colour.txt":  func(b *bytes.Buffer) error { return Text(b, sick(lang), book, TextOptions{Width: 100, Colour: true}) },
			"sick.md":     func(b *bytes.Buffer) error { return Markdown(b, sick(lang), book) },
			"sick.json":   func(b *bytes.Buffer) error { return JSON(b, sick(lang)) },
		} {
			t.Run(lang+"/"+name, func(t *testing.T) {
				var got bytes.Buffer
				if err := print(&got); err != nil {
					t.Fatal(err)
				}
				golden := filepath.Join("testdata", lang+"."+name)
				if *update {
					if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), got.String()); d != "" {
					t.Errorf("differs from %s (-want +got), rewrite with -update after looking:\n%s", golden, d)
				}
			})
		}
	}
}

// TestNothingRawReachesTheTerminal looks for any control character that did not
// come from our own palette.
func TestNothingRawReachesTheTerminal(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for name, print := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return Text(b, sick("en"), book, TextOptions{Width: 100, Wide: true}) },
		"markdown": func(b *bytes.Buffer) error { return Markdown(b, sick("en"), book) },
	} {
		var got bytes.Buffer
		if err := print(&got); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(got.Bytes()) {
			t.Errorf("%s: invalid UTF-8", name)
		}
		for i, r := range got.String() {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("%s: raw %U at byte %d: %q", name, r, i, got.String()[max(0, i-20):min(got.Len(), i+20)])
			}
		}
	}
}

func TestTextKeepsItsWidth(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{60, 80, 100, 120} {
			var got bytes.Buffer
			if err := Text(&got, sick(lang), book, TextOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			for l := range strings.SplitSeq(got.String(), "\n") {
				if visible(l) > width && !strings.Contains(l, "sockeye 0.1.0") {
					t.Errorf("%s at width %d: %d columns: %q", lang, width, visible(l), l)
				}
			}
		}
	}
}

// TestContract reads the JSON back as others do and checks the keys of the contract.
func TestContract(t *testing.T) {
	var buf bytes.Buffer
	if err := JSON(&buf, sick("en")); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema", "tool", "host", "taken_at", "window_s", "source", "verdict", "totals", "limits", "findings", "blind_spots"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %q at the top", key)
		}
	}
	limit := got["limits"].([]any)[3].(map[string]any)
	for _, key := range []string{"used", "utilization", "rate_per_s", "steady_state", "full_in_s"} {
		if v, ok := limit[key]; !ok || v != nil {
			t.Errorf("unknown %q is %v (present %v), want null", key, v, ok)
		}
	}
	finding := got["findings"].([]any)[0].(map[string]any)
	for _, key := range []string{"id", "severity", "certainty", "title", "explanation", "causes", "culprits", "destinations", "evidence", "remedies"} {
		if _, ok := finding[key]; !ok {
			t.Errorf("no %q in a finding", key)
		}
	}
	culprit := finding["culprits"].([]any)[0].(map[string]any)
	for _, key := range []string{"pid", "process", "exe", "cmdline", "user", "unit", "container", "netns", "sockets", "share", "by_state", "code"} {
		if _, ok := culprit[key]; !ok {
			t.Errorf("no %q in a culprit", key)
		}
	}
}

// TestJSONCarriesNothingThatATerminalObeys: the values stay the same, the bytes
// are harmless.
func TestJSONCarriesNothingThatATerminalObeys(t *testing.T) {
	r := sick("en")
	const name = "a\u009b31m\u007f\u202eb\U000e0041c\x1b\u2028中"
	r.Findings[0].Culprits[0].Process = name
	var buf bytes.Buffer
	if err := JSON(&buf, r); err != nil {
		t.Fatal(err)
	}
	for i, c := range buf.String() {
		if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028') {
			t.Errorf("raw %U at byte %d", c, i)
		}
	}
	var back diagnose.Report
	if err := json.Unmarshal(buf.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if got := back.Findings[0].Culprits[0].Process; got != name {
		t.Errorf("read back %q, want %q", got, name)
	}
}

func TestWrapKeepsWordsWhole(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  []string
	}{
		{"see ss -ltn and /proc/20408/exe now", 10, []string{"see ss", "-ltn and", "/proc/20408/exe", "now"}},
		{"到这个目标的本地端口，全部用完。", 12, []string{"到这个目标的", "本地端口，全", "部用完。"}},
		{"状态 FIN_WAIT_2 的连接", 8, []string{"状态", "FIN_WAIT_2", "的连接"}},
		{"", 10, []string{""}},
		{"one\ntwo", 10, []string{"one", "two"}},
		{"save `ss -tanp -o` now", 10, []string{"save", "`ss -tanp -o`", "now"}},
		{"请保存 `ss -tanp`。", 10, []string{"请保存", "`ss -tanp`。"}},
		{"a `stray one", 6, []string{"a", "`stray", "one"}},
	} {
		if d := cmp.Diff(tt.want, wrap(tt.in, tt.width)); d != "" {
			t.Errorf("%q at %d (-want +got):\n%s", tt.in, tt.width, d)
		}
	}
}

// TestBarsStandInOneColumn: a place that is too long moves to a line of its own and
// moves no other row.
func TestBarsStandInOneColumn(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	r := sick("en")
	r.Namespaces = []diagnose.NetNS{{Inode: "1", PID: ptr(int32(26421))}}
	var got bytes.Buffer
	if err := Text(&got, r, book, TextOptions{Width: 100, Wide: true}); err != nil {
		t.Fatal(err)
	}
	at := map[int]int{}
	for l := range strings.SplitSeq(got.String(), "\n") {
		if before, _, ok := strings.Cut(strings.ReplaceAll(l, "█", "░"), "░"); ok {
			at[visible(before)]++
		}
	}
	if len(at) != 1 || !strings.Contains(got.String(), "netns 1 (pid 26421)\n") {
		t.Errorf("bars begin in columns %v, want one; the long place on a line of its own:\n%s", at, got.String())
	}
}

func TestFoldBreaksRings(t *testing.T) {
	f := func(id string, causes ...string) diagnose.Finding { return diagnose.Finding{ID: id, Causes: causes} }
	for name, tt := range map[string]struct {
		in   []diagnose.Finding
		want [][]string
	}{
		"none":            {nil, nil},
		"alone":           {[]diagnose.Finding{f("a")}, [][]string{{"a"}}},
		"effect first":    {[]diagnose.Finding{f("a", "b"), f("b")}, [][]string{{"b", "a"}}},
		"chain":           {[]diagnose.Finding{f("a", "b"), f("b", "c"), f("c")}, [][]string{{"c", "a", "b"}}},
		"absent cause":    {[]diagnose.Finding{f("a", "gone")}, [][]string{{"a"}}},
		"ring":            {[]diagnose.Finding{f("a", "b"), f("b", "a")}, [][]string{{"a", "b"}}},
		"cause of itself": {[]diagnose.Finding{f("a", "a")}, [][]string{{"a"}}},
		"two roots":       {[]diagnose.Finding{f("x"), f("a", "b"), f("b")}, [][]string{{"x"}, {"b", "a"}}},
	} {
		var got [][]string
		for _, b := range fold(tt.in) {
			ids := []string{b.cause.ID}
			for _, e := range b.effects {
				ids = append(ids, e.ID)
			}
			got = append(got, ids)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestWithCode: commands between backticks stay code, everything else is harmless.
func TestWithCode(t *testing.T) {
	for in, want := range map[string]string{
		"Save `ss -tan > a_b`, as *root*.": "Save `ss -tan > a_b`, as \\*root\\*.",
		"no [command]":                     "no \\[command\\]",
		"one ` alone <b>":                  "one \\` alone &lt;b&gt;",
	} {
		if got := withCode(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
