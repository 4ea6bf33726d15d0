package filter

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSyntaxErrors(t *testing.T) {
	for _, tt := range []struct {
		line   string
		column int
		msg    string
		hint   string // a part of it
	}{
		{"state time-wiat", 7, `unknown state "time-wiat"`, "did you mean TIME_WAIT?"},
		{"state xyz", 7, `unknown state "xyz"`, "states are LISTEN"},
		{"state", 6, "state needs the name of a state", "states are"},
		{"dport = :80 state ( )", 19, "state needs the name of a state", "states are"},
		{"exclude = listen", 9, "exclude needs the name of a state", ""},
		{"time-wait", 1, `"time-wait" is no filter word`, "write: state time-wait"},
		{"proces nginx", 1, `"proces" is no filter word`, "did you mean process?"},
		{"nginx", 1, `"nginx" is no filter word`, "a condition begins with state, exclude"},
		{"dport => 3", 7, `unknown operator "=>"`, "write >="},
		{"dport =< 3", 7, `unknown operator "=<"`, "write <="},
		{"dport ~ 3", 7, `dport cannot be compared with "~"`, "it takes = != < <= > >="},
		{"dst > 1.2.3.4", 5, `dst cannot be compared with ">"`, "it takes = !="},
		{"process > x", 9, `process cannot be compared with ">"`, "it takes = != ~ !~"},
		{"process lt x", 9, `process cannot be compared with "lt"`, ""},
		{"process", 8, "process needs a name", ""},
		{"process and dport 3", 9, `process needs a name, not "and"`, "in quotes"},
		{"dport = or", 9, `dport needs a port, not "or"`, ""},
		{"dst (", 5, `dst needs an address, not "("`, ""},
		{"dport = 70000", 9, `"70000" is no port`, "0 to 65535"},
		{"dport = nosuch", 9, `"nosuch" is no port`, ":https"},
		{"dport = 10.0.0.1:80", 9, `"10.0.0.1:80" is no port`, ""},
		{"dst 300.0.0.1", 5, `"300.0.0.1" is no address`, "write 10.0.0.1"},
		{"dst 10.0", 5, `"10.0" is no address`, ""},
		{"dst 10.0.0.0/33", 5, `"10.0.0.0/33" is no address`, ""},
		{"dst 10.0.0.0/+8", 5, `"10.0.0.0/+8" is no address`, ""},
		{"dst 10.0.0.0/", 5, `"10.0.0.0/" is no address`, ""},
		{"dst www.example.com", 5, `"www.example.com" is no address`, "not resolved"},
		{"dst www.example.com:80", 5, `"www.example.com:80" is no address`, "not resolved"},
		{"dst [::1", 5, `"[::1" is no address`, ""},
		{"dst [1.2.3.4]:80", 5, `"[1.2.3.4]:80" is no address`, ""},
		{"dst [::1]80", 5, `"[::1]80" is no address`, ""},
		{"dst inet6:10.0.0.1", 5, `"inet6:10.0.0.1" is no address`, ""},
		{"dst 10.0.0.1:99999", 5, `"99999" is no port`, ""},
		{"dst ::1:80", 5, `"::1:80" may be an address, or an address and a port`, "write [::1:80] or [::1]:80"},
		{"age > soon", 7, `"soon" is no duration`, "10s"},
		{"age > -5s", 7, `"-5s" is no duration`, ""},
		{"pid nginx", 5, `"nginx" is no number`, "process NAME"},
		{"closer us", 8, `"us" is no side of a connection`, "local or peer"},
		{"closer ~ loc", 8, `closer cannot be compared with "~"`, "it takes = !="},
		{"closer", 7, "closer needs local or peer", ""},
		{"code > x", 6, `code cannot be compared with ">"`, "it takes = != ~ !~"},
		{"uid root", 5, `"root" is no number`, "user NAME"},
		{"recvq > -1", 9, `"-1" is no number`, ""},
		{"fwmark 1/x", 8, `"1/x" is no mark`, "0x1/0xff"},
		{"( dport = 22", 1, "this '(' is never closed", ""},
		{"dport = 22 )", 12, "nothing is open that ')' could close", ""},
		{"()", 2, `a condition is expected here, not ")"`, "begins with"},
		{"dport = 22 and", 15, "the filter ends where a condition is expected", ""},
		{"or dport = 22", 1, `a condition is expected here, not "or"`, ""},
		{"not", 4, "the filter ends where a condition is expected", ""},
		{"dport = 22 = 3", 12, `a condition is expected here, not "="`, ""},
		{"'state' listen", 1, `a condition is expected here, not "state"`, ""},
		{`process "abc`, 9, "this quote is never closed, or holds a bad escape", `\"`},
		{`process 'abc`, 9, "this quote is never closed", ""},
		{`process abc\`, 12, "nothing follows the backslash", ""},
		{"process 进程 stat", 12, `"stat" is no filter word`, "state"},
		{"\x1b[31m", 1, `"\x1b[31m" is no filter word`, ""},
	} {
		_, err := Parse(tt.line)
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%q: error %v, want a *SyntaxError", tt.line, err)
			continue
		}
		if se.Column != tt.column || !strings.Contains(se.Msg, tt.msg) || !strings.Contains(se.Hint, tt.hint) {
			t.Errorf("%q: column %d, %q, hint %q; want column %d, %q, hint …%q…", tt.line, se.Column, se.Msg, se.Hint, tt.column, tt.msg, tt.hint)
		}
		zh, _ := se.In("zh")
		if !strings.ContainsFunc(zh, func(r rune) bool { return r >= 0x4E00 && r <= 0x9FFF }) || strings.Contains(zh, "%!") {
			t.Errorf("%q: Chinese %q", tt.line, zh)
		}
	}
}

func TestErrorShowsTheLine(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"state time-wiat dst 10.0.0.0/8",
			"unknown state \"time-wiat\"\n  state time-wiat dst 10.0.0.0/8\n        ^"},
		{"process 进程 nonsense", "\"nonsense\" is no filter word\n  process 进程 nonsense\n               ^"},
		{"\tprocess \x1b[2J\u202e nonsense", "\"nonsense\" is no filter word\n   process ?[2J? nonsense\n                 ^"},
	} {
		_, err := Parse(tt.line)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n%v\nwant\n%s", tt.line, err, tt.want)
		}
	}
	_, err := Parse(strings.Repeat("pid 1 ", 10_000) + "nonsense " + strings.Repeat("pid 1 ", 10_000))
	text := err.Error()
	lines := strings.Split(text, "\n")
	if len(text) > 400 || len(lines) != 3 || !strings.HasPrefix(lines[1], "  …") || !strings.HasSuffix(lines[1], "…") {
		t.Errorf("a long line is shown as %q", text)
	}
	caret := utf8.RuneCountInString(lines[2]) - 1
	if got := string([]rune(lines[1])[caret:]); !strings.HasPrefix(got, "nonsense") {
		t.Errorf("the caret points at %q", got)
	}
}

func TestHostileDepth(t *testing.T) {
	for _, line := range []string{
		strings.Repeat("(", 1<<20), strings.Repeat("(", 1<<20) + strings.Repeat(")", 1<<20),
		strings.Repeat("!", 1<<20), strings.Repeat("not ", 1<<18) + "pid 1",
		strings.Repeat("(!", 1<<19), strings.Repeat("pid 1 (", 1<<18),
	} {
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), "nested more than 100 deep") {
			t.Errorf("%.20q…: %v", line, err)
		}
	}
	deep := strings.Repeat("(", maxDepth) + "pid 1" + strings.Repeat(")", maxDepth)
	if _, err := Parse(deep); err != nil {
		t.Errorf("%d parentheses: %v", maxDepth, err)
	}
	wide := strings.Repeat("pid 1 or ", 100_000) + "pid 2"
	e, err := Parse(wide)
	if err != nil || len(e.(or)) != 100_001 {
		t.Errorf("a wide filter: %v", err)
	}
}
