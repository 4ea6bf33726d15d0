package symptom

import (
	"bytes"

	"sockeye/internal/host"
)

// framesMost is how many lines of a program's own code are kept of a stack trace.
const framesMost = 6

// trace is a stack trace that is being read.
type trace struct {
	open    bool // Python's, whose message comes last
	column  int  // where it begins: behind the prefixes of log collectors
	lines   int
	frames  []string // own code, as it came
	call    string
	runtime host.Runtime
	last    bool // innermost last
}

// begin is told that Python begins one.
func (t *trace) begin(column int) {
	*t = trace{open: true, column: column, frames: t.frames[:0], last: true, runtime: host.Python}
}

// inside tells whether a line is still part of Python's stack trace: its frames and
// their code stand indented. Where the beginning had something before it, the first
// frame tells whether that was a log collector, which puts it before every line, or
// the logger, which put it before the first alone.
func (t *trace) inside(line, text []byte) bool {
	if len(text) == 0 || text[0] == ' ' || text[0] == '\t' {
		if t.lines == 1 && len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			t.column = 0
		}
		return true
	}
	return t.column > 0 && len(line) > t.column && line[t.column] == ' '
}

// add reads a line as a frame; false when it is none.
func (t *trace) add(line []byte) bool {
	f, ok := frameOf(line)
	if !ok {
		return false
	}
	if t.runtime == "" {
		t.runtime = f.runtime
	}
	if c := callInFrame(f.text); c != "" && (t.call == "" || t.last) {
		t.call = c
	}
	if !f.own {
		return true
	}
	if len(t.frames) < framesMost {
		t.frames = append(t.frames, string(f.text))
	} else if t.last { // the innermost are worth more
		copy(t.frames, t.frames[1:])
		t.frames[framesMost-1] = string(f.text)
	}
	return true
}

// taken returns the frames, innermost first.
func (t *trace) taken() []string {
	out := make([]string, 0, len(t.frames))
	for i := range t.frames {
		if t.last {
			i = len(t.frames) - 1 - i
		}
		out = append(out, t.frames[i])
	}
	return out
}

type frame struct {
	text    []byte
	own     bool
	runtime host.Runtime
}

// frameOf reads "at shop.Dao.query(Dao.java:88)", `File "/srv/app.py", line 3, in f`,
// "#0 /srv/app.php(12): f()", "from /srv/app.rb:12:in `f'", "/srv/app.go:12 +0x1d".
func frameOf(line []byte) (f frame, ok bool) {
	text := bytes.TrimSpace(line)
	if len(text) > 400 {
		return f, false
	}
	switch {
	case bytes.HasPrefix(text, []byte("at ")), bytes.HasPrefix(text, []byte("在 ")), bytes.HasPrefix(text, []byte("bei ")):
		f.text = bytes.TrimSuffix(bytes.TrimSpace(text[bytes.IndexByte(text, ' '):]), []byte(" {")) // Node's object of the error begins
		switch {
		case bytes.HasSuffix(f.text, []byte(")")) && (bytes.Contains(f.text, []byte(".java:")) || bytes.Contains(f.text, []byte(".kt:")) || bytes.Contains(f.text, []byte(".scala:")) || bytes.Contains(f.text, []byte("(Native Method)")) || bytes.Contains(f.text, []byte("(Unknown Source)"))):
			f.runtime = host.JVM
		case bytes.Contains(f.text, []byte(".js:")), bytes.Contains(f.text, []byte("node:")), bytes.Contains(f.text, []byte(".ts:")), bytes.Contains(f.text, []byte(".mjs:")), bytes.Contains(f.text, []byte(".cjs:")):
			f.runtime = host.Node
		case bytes.Contains(f.text, []byte(":line ")), bytes.Contains(f.text, []byte("System.")), bytes.HasSuffix(f.text, []byte(")")):
			f.runtime = host.DotNet
		}
	case bytes.HasPrefix(text, []byte("System.")) && bytes.IndexByte(text, '(') > 0 && len(line) > 0 && (line[0] == ' ' || line[0] == '\t'): // ASP.NET's page about an error
		f.text, f.runtime = text, host.DotNet
	case bytes.HasPrefix(text, []byte(`File "`)) && bytes.Contains(text, []byte(", line ")):
		f.text, f.runtime = text, host.Python
	case len(text) > 3 && text[0] == '#' && digit(text[1]) && bytes.IndexByte(text[:min(len(text), 5)], ' ') > 0:
		f.text, f.runtime = text[bytes.IndexByte(text, ' ')+1:], host.PHP
	case bytes.HasPrefix(text, []byte("from ")) && bytes.Contains(text, []byte(":in ")):
		f.text, f.runtime = text[5:], host.Ruby
	case bytes.Contains(text, []byte(".go:")) && len(text) > 0 && (text[0] == '/' || bytes.Contains(text[:min(len(text), 4)], []byte(":"))):
		f.text, f.runtime = text, host.Go
	default:
		return f, false
	}
	f.own = own(f.text)
	return f, true
}

// libraries are the beginnings and the folders of code that is not the program's own.
var (
	libraryPrefixes = [][]byte{[]byte("java."), []byte("java.base/"), []byte("javax."), []byte("jdk."), []byte("sun."), []byte("com.sun."), []byte("org.apache."), []byte("org.springframework."), []byte("io.netty."), []byte("okhttp3."), []byte("okio."), []byte("com.zaxxer."), []byte("com.mysql."), []byte("org.postgresql."), []byte("oracle."), []byte("redis.clients."), []byte("io.lettuce."), []byte("reactor."), []byte("org.eclipse.jetty."), []byte("org.hibernate."), []byte("kotlin"), []byte("scala."), []byte("akka."), []byte("io.undertow."), []byte("org.jboss."), []byte("com.alibaba.druid."), []byte("feign."), []byte("com.mongodb."), []byte("io.grpc."), []byte("io.vertx."), []byte("org.mariadb."),
		[]byte("System."), []byte("Microsoft."), []byte("Npgsql."), []byte("StackExchange."), []byte("MySql."), []byte("new Promise"), []byte("process."), []byte("Module."), []byte("[internal"), []byte("{main}")}
	libraryFolders = [][]byte{[]byte("node:"), []byte("(net.js:"), []byte("(internal/"), []byte("(dns.js:"), []byte("(events.js:"), []byte("(_"), []byte("node_modules"), []byte("site-packages"), []byte("dist-packages"), []byte("/lib/python"), []byte(`\Lib\`), []byte(`\lib\`), []byte("<frozen"), []byte("/vendor/"), []byte("/gems/"), []byte("/lib/ruby"), []byte("/usr/local/go/"), []byte("/usr/lib/go"), []byte("/pkg/mod/"), []byte("[native code]"), []byte("<anonymous>")}
)

func own(text []byte) bool {
	for _, p := range libraryPrefixes {
		if bytes.HasPrefix(text, p) {
			return false
		}
	}
	for _, p := range libraryFolders {
		if bytes.Contains(text, p) {
			return false
		}
	}
	return true
}

// callInFrame: the innermost frames name the call.
func callInFrame(text []byte) string {
	low := lowered(make([]byte, 0, 400), text[:min(len(text), 400)]) // Python names the function last
	for _, c := range []struct{ word, call string }{
		{".connect", "connect"}, {"->connect", "connect"}, {"socketconnect", "connect"}, {"connectasync", "connect"}, {"create_connection", "connect"}, {"finishconnect", "connect"}, {"tcpconnectwrap", "connect"}, {"doconnect", "connect"}, {"in connect", "connect"}, {"in _connect", "connect"},
		{".bind", "bind"}, {"dobind", "bind"}, {"in server_bind", "bind"}, {"in bind", "bind"}, {".listen", "listen"}, {"setuplistenhandle", "listen"}, {".accept", "accept"}, {"in accept", "accept"},
	} {
		at := bytes.Index(low, []byte(c.word))
		for at >= 0 && at+len(c.word) < len(low) && low[at+len(c.word)] == '.' {
			next := bytes.Index(low[at+1:], []byte(c.word)) // a package: "transport.connect.Acceptor.bind"
			if at++; next < 0 {
				at = -1
				break
			}
			at += next
		}
		if at >= 0 {
			return c.call
		}
	}
	return ""
}

// follows tells whether a line belongs to the error before it: a frame, a cause, an
// object's property, a continued message.
func follows(body []byte, indented bool) bool {
	if len(body) == 0 {
		return true
	}
	if (body[0] == ' ' || body[0] == '\t') && !indented {
		return true
	}
	text := bytes.TrimLeft(body, " \t")
	for _, p := range [][]byte{[]byte("at "), []byte("Caused by"), []byte("... "), []byte("Suppressed: "), []byte("from "), []byte("---> "), []byte("--- "), []byte("File \""), []byte("}"),
		[]byte("During handling of"), []byte("The above exception"), []byte("Traceback ("), []byte("Stack trace:"), []byte("Inner"), []byte("thrown in "), []byte("Emitted 'error' event"), []byte("syscall:"), []byte("errno:"), []byte("code: '"), []byte("address: '"), []byte("port: ")} {
		if bytes.HasPrefix(text, p) {
			return true
		}
	}
	return len(text) > 2 && text[0] == '#' && digit(text[1])
}

// repeats tells whether a line says once more what the error before it says: a logger
// writes an exception behind its message and then with its stack trace, .NET the message
// of each cause on a line of its own, Python's libraries the system's error.
func (o *occurrence) repeats(text []byte) bool {
	if o.lines > 1+o.blank && !o.chained {
		return false
	}
	text = bytes.TrimSpace(text)
	if len(text) < repeatLeast || len(text) > exampleMost {
		return false
	}
	if at := bytes.Index(o.example, unwrapped(text)); at > 0 || at == 0 && o.chained {
		return true
	}
	return o.lines == 1 && raised(text, o.example)
}

// unwrapped is an exception without those that Java put around it: "CompletionException:
// java.net.ConnectException: …".
func unwrapped(text []byte) []byte {
	for range 3 {
		at := bytes.Index(text, []byte(": "))
		if at < 0 || bytes.IndexByte(text[:at], ' ') >= 0 || !bytes.HasSuffix(text[:at], []byte("Exception")) || len(text)-at < repeatLeast ||
			!bytes.Contains(text[at+2:], []byte("Exception: ")) {
			return text
		}
		text = text[at+2:]
	}
	return text
}

// repeatLeast is how long an error's own line is at least, in bytes.
const repeatLeast = 20

// raised: the system's error in a line of its own, right behind the one in which a
// library of Python's says the same: "ClientConnectorError: … [Too many open files]",
// "OSError: [Errno 24] Too many open files".
func raised(text, before []byte) bool {
	at := bytes.Index(text[:min(len(text), 60)], []byte(": [Errno "))
	if at < 0 {
		at = bytes.Index(text[:min(len(text), 60)], []byte(": [WinError "))
	}
	return at > 0 && bytes.IndexByte(text[:at], ' ') < 0 && bytes.HasSuffix(bytes.ToLower(text[:at]), []byte("error")) && !bytes.HasPrefix(before, text[:at+1])
}

// body is a line without what collectors of logs put before it: compose's
// "app_1  | " and syslog's "… prog[123]: ".
func body(line []byte) []byte {
	if at := bytes.Index(line[:min(len(line), 40)], []byte(" | ")); at > 0 {
		return line[at+3:]
	}
	if at := bytes.Index(line[:min(len(line), 120)], []byte("]: ")); at > 0 && digit(line[at-1]) {
		return line[at+3:]
	}
	return line
}
