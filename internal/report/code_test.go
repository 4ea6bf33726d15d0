package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
)

// A culprit's line says "N of M sockets" only where the stacks are those of the
// sockets themselves: numbers that look like it are no proof.
func TestCodeSays(t *testing.T) {
	at := func(c diagnose.Code) diagnose.Code {
		c.Function, c.File, c.Line = "main.accept", "main.go", 20
		return c
	}
	waits := map[string]int{"TIME_WAIT": 61}
	for _, c := range []struct {
		name    string
		culprit diagnose.Culprit
		en, zh  string
	}{
		{"its own sockets", diagnose.Culprit{Sockets: 61, ByState: waits, StacksSampled: 60, StacksOf: 61, StacksOwn: true, AttributedBy: "opener",
			Code: []diagnose.Code{at(diagnose.Code{Sockets: 56, Call: "connect"})}},
			"56 of 61 TIME_WAIT opened at main.accept (main.go:20)", "61 个 TIME_WAIT 中，有 56 个是在 main.accept（main.go:20）打开的"},
		{"its own, most not sampled", diagnose.Culprit{Sockets: 610, StacksSampled: 60, StacksOf: 610, StacksOwn: true, AttributedBy: "opener",
			Code: []diagnose.Code{at(diagnose.Code{Sockets: 56, Call: "connect"})}},
			"opened at main.accept (main.go:20): 56 of 60 stacks, 610 connects", "在 main.accept（main.go:20）打开：采到的 60 个调用栈中有 56 个，共连接 610 次"},
		{"as many stacks of other connections", diagnose.Culprit{Sockets: 961, StacksSampled: 930, StacksOf: 930, AttributedBy: "connect-events",
			Code: []diagnose.Code{at(diagnose.Code{Sockets: 930, Call: "connect"})}},
			"opened at main.accept (main.go:20): 930 of 930 stacks, 930 connects", "在 main.accept（main.go:20）打开：采到的 930 个调用栈中有 930 个，共连接 930 次"},
		{"nobody accepted these", diagnose.Culprit{Sockets: 61, StacksSampled: 56, StacksOf: 58, AttributedBy: "listener",
			Code: []diagnose.Code{at(diagnose.Code{Sockets: 56, Call: "accept"})}},
			"usually accepted at main.accept (main.go:20): 56 of 56 stacks, 58 accepts", "通常在 main.accept（main.go:20）接受：采到的 56 个调用栈中有 56 个，共接受 58 次"},
		{"calls that failed", diagnose.Culprit{Sockets: 10, StacksSampled: 10, StacksOf: 10, AttributedBy: "failed-calls",
			Code: []diagnose.Code{at(diagnose.Code{Sockets: 10, Call: "connect", Failed: true})}},
			"connect() failed at main.accept (main.go:20): 10 of 10 stacks, 10 failed calls", "connect() 在 main.accept（main.go:20）处失败：采到的 10 个调用栈中有 10 个，共失败 10 次"},
		{"without a file", diagnose.Culprit{Sockets: 10, StacksSampled: 10, StacksOf: 10, AttributedBy: "failed-calls",
			Code: []diagnose.Code{{Function: "main.dial", Sockets: 10, Call: "connect", Failed: true}}},
			"connect() failed at main.dial: 10 of 10 stacks, 10 failed calls", "connect() 在 main.dial 处失败：采到的 10 个调用栈中有 10 个，共失败 10 次"},
		{"nothing sampled", diagnose.Culprit{Sockets: 10, StacksOwn: true}, "", ""},
	} {
		for lang, want := range map[string]string{"en": c.en, "zh": c.zh} {
			book, err := knowledge.Open(lang)
			if err != nil {
				t.Fatal(err)
			}
			p := &printer{book: book, width: 120}
			if d := cmp.Diff(want, strings.Join(p.code(c.culprit), "\n")); d != "" || p.err != nil {
				t.Errorf("%s, %s: (-want +got, %v):\n%s", c.name, lang, p.err, d)
			}
		}
	}
}

// Why there is no line is said in the reader's language; the contract's words are
// English, and a word that is not known stays, but harmless.
func TestGapsAreTranslated(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "[no frame pointers] [process ended] [no symbols] [interpreter] [library only] [unreadable] [no code of its own] [jit] [of another \\x1b version]",
		"zh": "[无帧指针] [进程已结束] [无符号] [解释器] [仅库代码] [无法读取] [没有程序自己的代码] [jit] [of another \\x1b version]",
	} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		p := &printer{book: book, width: 120}
		var got []string
		for _, gap := range []string{"no frame pointers", "process ended", "no symbols", "interpreter", "library only", "unreadable", "no code of its own", "jit", "of another \x1b version"} {
			got = append(got, p.codePlace(diagnose.Code{Gap: gap}))
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" || p.err != nil {
			t.Errorf("%s (-want +got, %v):\n%s", lang, p.err, d)
		}
	}
}
