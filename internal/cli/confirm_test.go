package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
)

// Whoever means yes and types less is told what it takes; whoever says no is not, and
// whoever interrupts it reads that nothing was done.
func TestConsent(t *testing.T) {
	for lang, words := range map[string][2]string{
		"en": {"nothing was done", "only the whole word yes does it"},
		"zh": {"什么都没做", "要完整输入 yes 才会执行"},
	} {
		for answer, hint := range map[string]string{"y": words[1], "yep": words[1], "Y ": words[1], "n": "", "No": "", "": ""} {
			err := declined(bookFor(t, lang), answer)
			var e *exit
			if !errors.As(err, &e) || e.code != exitNothing || e.err.Error() != words[0] || e.hint != hint {
				t.Errorf("%s, %q: %+v", lang, answer, e)
			}
		}
		never, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var talk bytes.Buffer
		err := agreed(ctx, App{Stdin: never, Stderr: &talk}, bookFor(t, lang), "Really?")
		var e *exit
		if !errors.As(err, &e) || e.code != exitInterrupted || e.err == nil || e.err.Error() != words[0] || talk.String() != "Really? \n" {
			t.Errorf("%s, interrupted: %+v, %q", lang, e, &talk)
		}
		_ = w.Close()
	}
}

// That the system log took nothing down is said in words, faint where letters can be.
func TestNoLogInWords(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there it has another reason")
	}
	const words = "note: the system log could not be written; the record in the state directory has it all the same\n"
	for _, tt := range []struct {
		tty     bool
		noColor string
		want    string
	}{{false, "", words}, {true, "1", words}, {true, "", "\x1b[2m" + words + "\x1b[m"}} {
		var talk bytes.Buffer
		app := App{Stderr: &talk, StderrTTY: tt.tty, Getenv: func(name string) string {
			if name == "NO_COLOR" {
				return tt.noColor
			}
			return ""
		}}
		if noLog(app, bookFor(t, "en")); talk.String() != tt.want {
			t.Errorf("%+v: %q", tt, talk.String())
		}
	}
}
