package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"sockeye/internal/knowledge"
)

// patient is a pipe into which nobody writes: it says when somebody reads it.
type patient struct {
	read chan struct{} // closed by the first Read
	end  chan struct{} // until then it waits
}

func (p *patient) Read([]byte) (int, error) {
	close(p.read)
	<-p.end
	return 0, io.EOF
}

// ran runs explain and returns its exit code and what it wrote.
func ran(t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	app := App{Stdin: stdin, Stdout: &out, Stderr: &talk, Getenv: func(string) string { return "" }, Width: 100}
	code = Run(t.Context(), append([]string{"explain", "--lang", "en"}, args...), app)
	return code, out.String(), talk.String()
}

func TestInterruptedWhileWaiting(t *testing.T) {
	for _, args := range [][]string{{}, {"-"}, {"states"}} {
		p := &patient{read: make(chan struct{}), end: make(chan struct{})}
		t.Cleanup(func() { close(p.end) })
		ctx, interrupt := context.WithCancel(t.Context())
		var out, talk bytes.Buffer
		code := make(chan int)
		go func() {
			code <- Run(ctx, append([]string{"explain"}, args...), App{Stdin: p, Stdout: &out, Stderr: &talk, Getenv: func(string) string { return "" }})
		}()
		<-p.read
		interrupt()
		if got := <-code; got != exitInterrupted || out.Len()+talk.Len() > 0 {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, got, out.String(), talk.String())
		}
	}
}

const bareMessage = "java.net.SocketException: No buffer space available (maximum connections reached?): connect"

// The same message has the same answer, however it comes.
func TestOneMessageOneAnswer(t *testing.T) {
	_, want, _ := ran(t, nil, bareMessage)
	if !strings.Contains(want, "maximum-connections-reached") && !strings.Contains(want, "there is no maximum") {
		t.Fatalf("no entry: %s", want)
	}
	trace := bareMessage + "\n\tat shop.Dao.open(Dao.java:88)\nat shop.Dao.query(Dao.java:12)\nCaused by: " + bareMessage + "\n\t... 3 more\n"
	for _, text := range []string{bareMessage, "\n" + bareMessage + "\n", trace} {
		if code, got, talk := ran(t, strings.NewReader(text)); code != 0 || got != want || talk != "" {
			t.Errorf("%q: exit code %d, stderr %q\n%s", text, code, talk, got)
		}
	}
	for _, log := range []string{"2026-11-22 09:05:00 " + bareMessage, bareMessage + "\n" + bareMessage, "starting\n" + bareMessage} {
		if _, got, _ := ran(t, strings.NewReader(log)); got == want {
			t.Errorf("%q is a log, and its report is missing", log)
		}
	}
	var rep struct{ Schema string }
	if _, got, _ := ran(t, strings.NewReader(bareMessage), "--format", "json"); json.Unmarshal([]byte(got), &rep) != nil || rep.Schema == "" {
		t.Errorf("a pipe gives a report in JSON: %s", got)
	}
}

// Each error and each part says whose line it is, and kinds stay what they are.
func TestLinesOfSeveralFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"a.log":     "one\ntwo\nopen: Too many open files\n",
		"b.log":     "starting\n" + bareMessage + "\n" + bareMessage + "\n",
		"empty.log": "",
		"table.txt": "tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type where struct {
		File string
		Line uint64
	}
	for _, args := range [][]string{{"a.log", "empty.log", "table.txt", "b.log"}, {"b.log", "table.txt", "empty.log", "a.log"}, {"."}} {
		code, out, _ := ran(t, nil, append(args, "--format", "json")...)
		var got struct {
			Files []struct {
				File            string
				Lines, Messages uint64
			}
			Read []struct {
				File, Kind string
			}
			Errors []struct {
				Code string
				where
			}
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
			t.Fatalf("%v: %v, exit code %d\n%s", args, err, code, out)
		}
		at := map[string]where{}
		for _, e := range got.Errors {
			at[e.Code] = e.where
		}
		if at["EMFILE"] != (where{"a.log", 3}) || at["WSAENOBUFS"] != (where{"b.log", 2}) || len(at) != 2 {
			t.Errorf("%v: errors at %v", args, at)
		}
		if len(got.Read) != 1 || got.Read[0].File != "table.txt" || strings.Contains(got.Read[0].Kind, "table.txt") || got.Read[0].Kind == "" {
			t.Errorf("%v: read %v", args, got.Read)
		}
		messages := map[string]uint64{}
		for _, f := range got.Files {
			messages[f.File] = f.Messages
		}
		if len(messages) != 4 || messages["a.log"] != 1 || messages["b.log"] != 2 || messages["empty.log"]+messages["table.txt"] != 0 {
			t.Errorf("%v: files %v", args, got.Files)
		}
	}
	_, out, _ := ran(t, nil, "--format", "json", "a.log")
	if !strings.Contains(out, `"file": "a.log"`) {
		t.Errorf("a file alone has its name: %s", out)
	}
	_, out, _ = ran(t, strings.NewReader("open: Too many open files\n"), "--format", "json")
	if !strings.Contains(out, `"file": null`) || strings.Contains(out, `"file": "`) {
		t.Errorf("stdin has none: %s", out)
	}
}

// Of a small folder that somebody made, the files that are no text are named; of a
// large one they are not.
func TestNoTextsOfFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	write("screen.png", "\x89PNG\r\n\x1a\n")
	write("a.log", "text")
	if found := noTexts(book, dir); len(found) != 1 || filepath.Base(found[0].name) != "screen.png" {
		t.Errorf("found %v", found)
	}
	for i := range folderSmall {
		write(strings.Repeat("x", i+1), "text")
	}
	if found := noTexts(book, dir); len(found) > 0 {
		t.Errorf("found %v in a large folder", found)
	}
}

// TestRefusalsSpeakBothLanguages: whoever reads Chinese reads why as well.
func TestRefusalsSpeakBothLanguages(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"a.png": "\x89PNG\r\n\x1a\n", "empty": "", "prose": "it was raining\n",
		"head": "  Proto  Local Address  Foreign Address  State  PID\n  TCP  10.0.0.1:99999  10.0.0.2:80  ESTABLISHED  1\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		en   string
	}{
		{[]string{"--format", "xml", "x"}, exitUsage, `unknown format "xml"`},
		{[]string{"--sockets", "x"}, exitUsage, "--sockets needs --format json"},
		{[]string{"--list", "x"}, exitUsage, "--list takes no words"},
		{[]string{"qqqqzzzz"}, exitNothing, `nothing is known of "qqqqzzzz"`},
		{[]string{"qqqqzzzz.txt"}, exitNothing, "there is no such file, either"},
		{[]string{"empty"}, exitFailed, "it is empty"},
		{[]string{"prose"}, exitFailed, "nothing in it is a table"},
		{[]string{"head"}, exitFailed, "line 2 cannot be read"},
		{[]string{"a.png"}, exitFailed, "a.png looks like a picture (PNG), not like text"},
		{[]string{"states", "--format", "json"}, exitUsage, "the drawing is text"},
		{[]string{"states", "nosuch"}, exitUsage, `there is no file "nosuch"`},
		{[]string{"states", "prose"}, exitFailed, "nothing in it is a table"},
	} {
		code, _, talk := ran(t, nil, c.args...)
		if code != c.code || !strings.Contains(talk, c.en) || strings.Contains(talk, "explain.") {
			t.Errorf("%q: exit code %d, %q", c.args, code, talk)
		}
		code, _, talk = ran(t, nil, append([]string{"--lang", "zh"}, c.args...)...)
		lines := strings.Split(strings.TrimSpace(talk), "\n")
		for _, line := range lines {
			if code != c.code || !strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || strings.Contains(line, "explain.") {
				t.Errorf("%q: exit code %d, %q", c.args, code, talk)
			}
		}
	}
}

// TestNotTextIsNamed: each kind of file that is no text has a name in both languages.
func TestNotTextIsNamed(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range notText {
			if _, err := book.Word("explain.is."+m.is, nil); err != nil {
				t.Error(err)
			}
		}
		for _, key := range []string{"explain.reading", "explain.cannot-read"} {
			if s := sentence(book, key, map[string]any{"explain.reading": struct{ Read, Size int64 }{1, 2}, "explain.cannot-read": "x"}[key]); s == key {
				t.Errorf("%s: %s has no words", lang, key)
			}
		}
	}
}
