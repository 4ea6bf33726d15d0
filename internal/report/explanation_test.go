package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// told is what a log, a damaged table and an article came to.
func told(t *testing.T, book *knowledge.Book) *Explanation {
	t.Helper()
	r := sick(book.Lang())
	r.Host.Name, r.WindowS, r.Source.Kind = nil, 0, string(host.Paste)
	r.Findings[1].Explanation = "It may be this.\nCauses:\n- one — then it is so.\n- two — then not."
	r.Findings[1].Culprits[0].Process = "" // a table with numbers of processes only
	r.Findings[2].Remedies = append(r.Findings[2].Remedies, r.Findings[0].Remedies[0])
	none, err := book.Word("report.none-needed", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.BlindSpots = []diagnose.BlindSpot{{What: "owners", Why: "no column", Remedy: "Save `netstat -anoq`."},
		{What: "table a", Why: "twice", Remedy: none}, {What: "table b", Why: "twice", Remedy: none},
		{What: "table c", Why: "twice", Remedy: none}, {What: "table d", Why: "twice", Remedy: none}}
	at := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	later := at.Add(time.Minute)
	e := &Explanation{Report: r,
		Files: []ReadFile{{File: "app.log", Lines: 4200, Messages: 1203}, {File: "net.txt", Lines: 16377}},
		Read: []ReadPart{{Kind: "netstat (Windows)", File: "net.txt", FirstLine: 2, LastLine: 16377, Rows: 16370, Bad: 3, FirstBad: ptr(uint64(9001))},
			{Kind: "system settings", File: "net.txt", FirstLine: 16378, LastLine: 16380, Rows: 3, Cut: true}},
		Errors: []Symptom{
			{ID: "code-ENOBUFS", Code: "WSAENOBUFS", Call: "connect", OS: "windows", Count: 1200, First: &at, Last: &later, File: "app.log", Line: 8000001,
				Example:   "java.net.SocketException: No buffer space available (maximum connections reached?): connect " + strings.Repeat("at shop.Dao.query ", 8),
				Endpoints: []SymptomEnd{{"10.0.0.2:3306", 3}, {"10.0.0.3:3306", 1}}, Candidates: []string{"port-exhaustion", "self-connect"}},
			{ID: "pool-timeout", Count: 3, File: "app.log", Line: 7, Example: "Connection is not available, request timed out", Candidates: []string{"connection-leak"}},
			{ID: "code-ECONNREFUSED", Code: "ECONNREFUSED", Call: "connect", Count: 1, Line: 9, Example: "connection refused", Candidates: []string{"unreachable-destination"}}}}
	for _, m := range []struct {
		kind knowledge.Kind
		id   string
	}{{knowledge.KindState, "CLOSE_WAIT"}, {knowledge.KindSetting, "tcp_tw_reuse"}, {knowledge.KindSetting, "tcp_tw_recycle"},
		{knowledge.KindFolklore, "5000-sockets"}, {knowledge.KindFinding, "short-lived-connections"}, {knowledge.KindError, "maximum-connections-reached"}} {
		entry, ok := book.Entry(m.kind, m.id)
		if !ok {
			t.Fatalf("no entry %s", m.id)
		}
		e.Mentions = append(e.Mentions, entry)
	}
	return e
}

func TestExplanationGolden(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		e := told(t, book)
		counts := map[tcp.State]uint64{tcp.TimeWait: 16340, tcp.Established: 30, tcp.CloseWait: 12, tcp.Listen: 4}
		for name, print := range map[string]func(*bytes.Buffer) error{
			"told.txt":     func(b *bytes.Buffer) error { return ExplanationText(b, e, book, TextOptions{Width: 80}) },
			"toldwide.txt": func(b *bytes.Buffer) error { return ExplanationText(b, e, book, TextOptions{Width: 100, Wide: true}) },
			"told.md":      func(b *bytes.Buffer) error { return ExplanationMarkdown(b, e, book) },
			"states.txt":   func(b *bytes.Buffer) error { return States(b, counts, book, TextOptions{Width: 80}) },
			"narrow.txt":   func(b *bytes.Buffer) error { return States(b, counts, book, TextOptions{Width: 40}) },
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

// TestAnswerComesFirst: below the one line of what was read stand the verdict and the
// worst finding; messages, mentions, limits and what was not seen follow in that order.
func TestAnswerComesFirst(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := ExplanationText(&got, told(t, book), book, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, next := range []string{"Read: ", "3 lines look like rows", " CRITICAL ", "No local ports left", "Errors in the text", "What the text mentions", "Limits,", "What was not seen"} {
		i := strings.Index(got.String()[at:], next)
		if i < 0 {
			t.Fatalf("%q does not follow in:\n%s", next, got.String())
		}
		at += i
	}
	for _, absent := range []string{"pool-timeout", "who    (pid"} {
		if strings.Contains(got.String(), absent) {
			t.Errorf("%q in:\n%s", absent, got.String())
		}
	}
}

// TestCulpritWithoutName: a name that is not known leaves no hole, painted or not.
func TestCulpritWithoutName(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, colour := range []bool{false, true} {
		p := newPrinter(&bytes.Buffer{}, book, TextOptions{Width: 80, Colour: colour})
		if got := p.culprit(diagnose.Culprit{PID: 4312})[0]; got != "pid 4312" {
			t.Errorf("colour %v: %q", colour, got)
		}
	}
}

// wrong is Chinese beside punctuation or blanks of another script.
var wrong = regexp.MustCompile(`\p{Han}[,;:(](\s|\p{Han}|$)|[，。：；、（] |） [^·]|\S （`)

// TestChineseKeepsItsPunctuation looks at whole pages, where words meet.
func TestChineseKeepsItsPunctuation(t *testing.T) {
	book, err := knowledge.Open("zh")
	if err != nil {
		t.Fatal(err)
	}
	e := told(t, book)
	for _, o := range []TextOptions{{Width: 80}, {Width: 100, Wide: true}, {Width: 80, Colour: true}} {
		var got bytes.Buffer
		if err := ExplanationText(&got, e, book, o); err != nil {
			t.Fatal(err)
		}
		for l := range strings.SplitSeq(got.String(), "\n") {
			if m := wrong.FindString(l); m != "" {
				t.Errorf("%q in %q", m, l)
			}
		}
	}
}

// TestCommandsStayWhole: what is to be typed stands on one line, however narrow the
// terminal is.
func TestCommandsStayWhole(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	const long = `reg delete "HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters" /v TcpTimedWaitDelay /f`
	e := told(t, book)
	e.Findings[0].Remedies[1].Command = "ls\n" + long
	e.BlindSpots[0].Remedy = "Save `" + long + "`."
	var got bytes.Buffer
	if err := ExplanationText(&got, e, book, TextOptions{Width: 60}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "\nls\n"+long+"\n") || !strings.Contains(got.String(), "`"+long+"`") {
		t.Errorf("broken:\n%s", got.String())
	}
	entry, ok := book.Entry(knowledge.KindSetting, "TcpTimedWaitDelay")
	if !ok {
		t.Fatal("no entry")
	}
	got.Reset()
	if err := Entry(&got, entry, book, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "\n"+long+"\n") {
		t.Errorf("broken:\n%s", got.String())
	}
}

// TestStatesKeepTheirWidth, and no state has a number that nobody counted.
func TestStatesKeepTheirWidth(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, counts := range []map[tcp.State]uint64{nil, {tcp.TimeWait: 1000000, tcp.Listen: 0, tcp.SynReceived: 100000}} {
			for _, width := range []int{40, 60, 79, 80, 120} {
				var got bytes.Buffer
				if err := States(&got, counts, book, TextOptions{Width: width}); err != nil {
					t.Fatal(err)
				}
				for l := range strings.SplitSeq(got.String(), "\n") {
					if visible(l) > width {
						t.Errorf("%s at width %d: %d columns: %q", lang, width, visible(l), l)
					}
					if strings.Contains(l, "  0") {
						t.Errorf("%s: an invented number: %q", lang, l)
					}
				}
			}
		}
	}
}

// TestEntryAnswersFirst: facts before remarks, no empty lines for what is not there,
// and of a finding what to do next.
func TestEntryAnswersFirst(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range book.Entries() {
			var got bytes.Buffer
			if err := Entry(&got, e, book, TextOptions{Width: 80}); err != nil {
				t.Fatalf("%s: %v", e.ID, err)
			}
			text := got.String()
			if strings.Contains(text, "\n\n\n") || strings.HasSuffix(text, "\n\n") {
				t.Errorf("%s %s: empty lines:\n%s", lang, e.ID, text)
			}
			if e.Kind == knowledge.KindFinding && !strings.Contains(text, "sockeye doctor") {
				t.Errorf("%s %s: no next step:\n%s", lang, e.ID, text)
			}
			if first := strings.Fields(e.Body); e.Setting != nil && len(first) > 0 {
				verdict, err := book.Word("entry.verdict."+string(e.Setting.Verdict), nil)
				if err != nil {
					t.Fatal(err)
				}
				if body := strings.LastIndex(text, first[0]); body >= 0 && strings.Index(text, verdict) > body {
					t.Errorf("%s %s: remarks before the verdict:\n%s", lang, e.ID, text)
				}
			}
		}
	}
}

// TestCatalogueLosesNothing: titles are wrapped, never cut, and do not repeat the id.
func TestCatalogueLosesNothing(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := Catalogue(&got, book.Entries(), book, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(got.String()), " ")
	for _, e := range book.Entries() {
		if !strings.Contains(flat, e.ID+" "+strings.Join(strings.Fields(shortTitle(e)), " ")) {
			t.Errorf("%s: %q is not there whole", e.ID, shortTitle(e))
		}
		if strings.HasPrefix(shortTitle(e), e.ID+":") {
			t.Errorf("%s is said twice: %q", e.ID, shortTitle(e))
		}
	}
	for l := range strings.SplitSeq(got.String(), "\n") {
		if visible(l) > 80 || strings.Contains(l, "…") {
			t.Errorf("%d columns: %q", visible(l), l)
		}
	}
}
