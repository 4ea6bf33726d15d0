package symptom

import (
	"bytes"

	"sockeye/internal/host"
)

// named: the error's name as a word of its own. Windows has "WSA" before it, and
// libuv "UV_".
func named(low []byte, e *evidence) bool {
	start := e.start
	if start >= 3 && string(low[start-3:start]) == "wsa" {
		start -= 3
		e.os = "windows"
	} else if start >= 3 && string(low[start-3:start]) == "uv_" {
		start -= 3
		e.runtime = host.Node
	}
	if !delimited(low, start, e.end) {
		return false
	}
	if start > 0 && (low[start-1] == '{' || low[start-1] == ',') && start > 1 && low[start-2] == 'r' {
		e.runtime = host.Erlang // {error,eaddrinuse}
	}
	if bytes.HasSuffix(low[:start], []byte("errno::")) {
		e.runtime = host.Ruby
	}
	e.start = start
	return true
}

// kindred: the name of an error in Rust or .NET, which is a common word elsewhere.
func kindred(low []byte, e *evidence) bool {
	if !delimited(low, e.start, e.end) {
		return false
	}
	before := low[max(0, e.start-28):e.start]
	switch {
	case bytes.HasSuffix(before, []byte("kind: ")), bytes.HasSuffix(before, []byte("kind(")):
		e.runtime = host.Rust
	case bytes.Contains(before, []byte("socketerror")), bytes.Contains(before, []byte("errorcode")):
		e.runtime = host.DotNet
	default:
		return false
	}
	return true
}

// spoken are words that say that a number is that of an error.
var spoken = [][]byte{
	[]byte("err"), []byte("wsa"), []byte("socket"), []byte("winsock"), []byte("code"), []byte("exception"), []byte("fehler"),
	[]byte("ошибк"), []byte("错误"), []byte("錯誤"), []byte("エラー"), []byte("오류"),
}

// winsock: a number of Winsock, which might also be a port, a size or a pid.
func winsock(low []byte, e *evidence) bool {
	e.os = "windows"
	if low[e.start] != '1' {
		return true // 0x80072747 and (0x2747) are nothing else
	}
	if e.start > 0 && (alnum(low[e.start-1]) || low[e.start-1] == '.') || e.end < len(low) && (alnum(low[e.end]) || low[e.end] == '.' && e.end+1 < len(low) && digit(low[e.end+1])) {
		return false
	}
	if e.start > 0 && low[e.start-1] == ':' || bytes.HasSuffix(low[:e.start], []byte("port ")) || bytes.HasSuffix(low[:e.start], []byte("pid ")) {
		return false // 10.0.0.1:10055
	}
	before := low[max(0, e.start-48):e.start]
	if bytes.Contains(before, []byte("winerror")) {
		e.runtime = host.Python
	} else if bytes.HasSuffix(before, []byte("socketexception (")) {
		e.runtime = host.DotNet
	}
	// The word stands near, and nothing between them has a number of its own:
	// "error 5 at offset 10055".
	near := before[max(0, len(before)-28):]
	for _, word := range spoken {
		if at := bytes.LastIndex(near, word); at >= 0 && !bytes.ContainsAny(near[at:], "0123456789;") {
			return true
		}
	}
	e.weak = true
	return true
}

// errno reads the number of an error behind what announces one.
func (s *Scanner) errno(f *form, low []byte, e evidence) (evidence, bool) {
	rest := low[e.end:]
	skip := 0
	for skip < len(rest) && skip < 5 && bytes.IndexByte([]byte(" :=()[]#\"'"), rest[skip]) >= 0 {
		skip++
	}
	if bytes.HasPrefix(rest[skip:], []byte("is ")) {
		skip += 3
	}
	negative := skip < len(rest) && rest[skip] == '-'
	if negative {
		skip++
	}
	n, length := leadingNumber(rest[skip:])
	end := e.end + skip + length
	if length == 0 || end < len(low) && alnum(low[end]) {
		return e, false
	}
	if e.start > 0 && alnum(low[e.start-1]) && f.before != "errno" {
		return e, false // "statuscode:"
	}
	switch f.before {
	case "code:":
		if !bytes.HasPrefix(low[end:], []byte(", kind:")) && !bytes.HasPrefix(low[end:], []byte(", message:")) {
			return e, false
		}
	case "failed (":
		if !bytes.HasPrefix(low[end:], []byte(": ")) {
			return e, false
		}
	}
	e.end, e.runtime = end, f.runtime
	if negative && s.table.byUV[n] != nil && n > 4000 {
		e.code, e.os, e.runtime = s.table.byUV[n], "windows", host.Node
		return e, true
	}
	if c := s.table.byWSA[n]; c != nil {
		e.code, e.os = c, "windows"
		return e, true
	}
	if e.code = s.table.byErrno[n]; e.code == nil || n == 0 {
		return e, false
	}
	e.os = systemOf(e.code, n)
	// On Linux BSD's numbers are those of other errors: [Errno 61] No data available.
	e.weak = e.os == "darwin"
	return e, true
}

// inBrackets reads "(99)" or "(99 " behind a message that is followed by its number.
func (s *Scanner) inBrackets(low []byte, from int) (c *code, os string) {
	rest := low[from:min(len(low), from+160)]
	for at := bytes.IndexByte(rest, '('); at >= 0; {
		n, length := leadingNumber(rest[at+1:])
		if length > 0 && at+1+length < len(rest) && (rest[at+1+length] == ')' || rest[at+1+length] == ' ') {
			if c := s.table.byWSA[n]; c != nil {
				return c, "windows"
			}
			if c := s.table.byErrno[n]; c != nil && n > 0 {
				return c, systemOf(c, n)
			}
		}
		next := bytes.IndexByte(rest[at+1:], '(')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return nil, ""
}
