package symptom

import (
	"bytes"
	"net/netip"
)

// place is where an error happened, as a line writes it.
type place struct {
	name   []byte // "db.example.com:3306"
	addr   netip.AddrPort
	rating int
}

// around is how far from the error its address is looked for, in bytes.
const (
	placeBefore = 400
	placeBehind = 260
)

// placeOf finds the end that an error is about: the remote one of a connect, the
// local one of a bind. Of several addresses that stand in a line, words and marks
// around them tell which it is.
func placeOf(line, low []byte, start, end int, call string) (place, bool) {
	from, to := max(0, start-placeBefore), min(len(line), end+placeBehind)
	text, low := line[from:to], low[from:to]
	var best place
	for i := 0; i < len(text); i++ {
		var p place
		var at int
		switch {
		case text[i] == ':':
			p, at = joined(text, i, call)
		case low[i] == 'p' && bytes.HasPrefix(low[i:], []byte("port")):
			p, at = spelled(text, i)
		case text[i] == ',':
			p, at = paired(text, i)
		}
		if p.name == nil {
			continue
		}
		p.rating += rated(low, at, p, start-from)
		if best.name == nil || p.rating > best.rating {
			best = p
		}
	}
	return best, best.name != nil && best.rating > -4
}

// joined reads "host:port" around the colon at i; at is where it begins.
func joined(text []byte, i int, call string) (p place, at int) {
	n, length := leadingNumber(text[i+1:])
	end := i + 1 + length
	if length == 0 || n == 0 || n > 65535 || end < len(text) && alnum(text[end]) {
		return p, 0
	}
	if end+1 < len(text) && (text[end] == ':' || text[end] == '-' || text[end] == '.' || text[end] == ',') && (digit(text[end+1]) || text[end+1] == ':') {
		return p, 0 // a time, with its fraction; more of an IPv6 address
	}
	at = i
	if at > 0 && text[at-1] == '"' { // Erlang: "localhost":1883
		open := bytes.LastIndexByte(text[max(0, at-80):at-1], '"')
		if open < 0 {
			return p, 0
		}
		open += max(0, at-80)
		host := text[open+1 : at-1]
		if !isName(host) && !isIP(host) {
			return p, 0
		}
		return placeAt(host, n, text[open:end]), open
	}
	if at > 0 && text[at-1] == ']' {
		open := bytes.LastIndexByte(text[max(0, at-60):at], '[')
		if open < 0 {
			return p, 0
		}
		open += max(0, at-60)
		if !isIP(text[open+1 : at-1]) {
			return p, 0
		}
		return placeAt(text[open+1:at-1], n, text[open:end]), open
	}
	for at > 0 && (alnum(text[at-1]) || text[at-1] == '.' || text[at-1] == '-' || text[at-1] == '_' || text[at-1] == ':' || text[at-1] == '%') {
		at--
	}
	host := text[at:i]
	switch {
	case isIP(host):
		if bytes.IndexByte(host, ':') >= 0 && len(host) > 2 && !bytes.Contains(host, []byte("::")) && bytes.Count(host, []byte(":")) != 7 {
			return p, 0
		}
	case len(host) == 0 || string(host) == "*":
		if call != "bind" && call != "listen" || at > 0 && bytes.IndexByte([]byte(" \"'("), text[at-1]) < 0 {
			return p, 0
		}
	default:
		// "Caused:x:12" is no IPv6 address, and "09:05:00" is a time.
		if colon := bytes.LastIndexByte(host, ':'); colon >= 0 {
			host = host[colon+1:]
			at += colon + 1
		}
		if !isName(host) && !isIP(host) {
			return p, 0
		}
	}
	return placeAt(host, n, text[at:end]), at
}

// spelled reads a port behind the word: "db.example.com port 3306", "host='h', port=443",
// `at "h" (10.0.0.1), port 5432`.
func spelled(text []byte, i int) (p place, at int) {
	rest := text[i+4:]
	skip := 0
	for skip < len(rest) && skip < 4 && bytes.IndexByte([]byte(" =:\"'"), rest[skip]) >= 0 {
		skip++
	}
	n, length := leadingNumber(rest[skip:])
	if skip == 0 || length == 0 || n == 0 || n > 65535 || i > 0 && alnum(text[i-1]) {
		return p, 0
	}
	before := bytes.TrimRight(text[:i], " ,;'\")]")
	at = len(before)
	for at > 0 && bytes.IndexByte([]byte(" '\"(=["), before[at-1]) < 0 {
		at--
	}
	host := before[at:]
	if !isName(host) && !isIP(host) || string(host) == "on" || string(host) == "TCP" || string(host) == "tcp" {
		return p, 0
	}
	name := append(append([]byte{}, host...), ':')
	name = append(name, rest[skip:skip+length]...)
	p = placeAt(host, n, name)
	p.rating++
	return p, at
}

// paired reads an address and a port as Python writes a tuple: "('127.0.0.1', 8000)".
func paired(text []byte, i int) (p place, at int) {
	if i < 2 || text[i-1] != '\'' && text[i-1] != '"' {
		return p, 0
	}
	rest := bytes.TrimLeft(text[i+1:], " ")
	n, length := leadingNumber(rest)
	if length == 0 || n == 0 || n > 65535 || length == len(rest) || rest[length] != ')' && rest[length] != ',' {
		return p, 0
	}
	open := bytes.LastIndexByte(text[max(0, i-80):i-1], text[i-1])
	if open < 0 {
		return p, 0
	}
	open += max(0, i-80)
	host := text[open+1 : i-1]
	if !isIP(host) && !isName(host) {
		return p, 0
	}
	name := append(append([]byte{}, host...), ':')
	name = append(name, rest[:length]...)
	p = placeAt(host, n, name)
	if !p.addr.IsValid() {
		p.rating -= 3
	}
	return p, open
}

// placeAt makes a place of a host, which may be an address, and a port.
func placeAt(host []byte, port uint32, name []byte) place {
	p := place{name: bytes.Trim(name, " ")}
	if len(host) == 0 || string(host) == "*" {
		return p
	}
	if a, err := netip.ParseAddr(string(host)); err == nil {
		p.addr = netip.AddrPortFrom(a.Unmap(), uint16(port))
		p.rating = 2
	}
	return p
}

func isIP(text []byte) bool {
	if len(text) < 2 || len(text) > 60 {
		return false
	}
	_, err := netip.ParseAddr(string(text))
	return err == nil
}

// notHosts end in what files end with; notNames are words that have a number behind them.
var notHosts = []string{".go", ".java", ".py", ".js", ".ts", ".rs", ".c", ".cc", ".cpp", ".h", ".rb", ".cs", ".php", ".erl", ".ex", ".exs", ".kt", ".scala", ".mjs", ".lua", ".pl", ".log", ".sql", ".json", ".yaml", ".yml", ".jsx", ".tsx", ".vb", ".fs", ".swift", ".m"}

var notNames = map[string]bool{"errno": true, "code": true, "error": true, "line": true, "port": true, "pid": true, "tid": true, "status": true,
	"count": true, "attempt": true, "retry": true, "id": true, "thread": true, "exit": true, "err": true, "winerror": true, "http": true, "https": true, "level": true, "size": true, "time": true, "ts": true, "duration": true, "took": true, "elapsed": true, "failed": true, "errors": true, "worker": true, "task": true, "node": true, "internal": true}

func isName(text []byte) bool {
	if len(text) < 2 || len(text) > 120 {
		return false
	}
	letters := false
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters = true
		case !digit(c) && c != '.' && c != '-' && c != '_':
			return false
		}
	}
	if !letters || notNames[string(lowered(nil, text))] {
		return false
	}
	for _, ending := range notHosts {
		if bytes.HasSuffix(text, []byte(ending)) {
			return false
		}
	}
	return true
}

// hints are what stands right before the address that an error is about, or before another one.
var hints = []struct {
	word   []byte
	rating int
}{
	{[]byte("->"), 5}, {[]byte("tcp "), 3}, {[]byte("tcp4 "), 3}, {[]byte("tcp6 "), 3}, {[]byte("dial "), 3},
	{[]byte(" to "), 3}, {[]byte("connect "), 3}, {[]byte("econnrefused "), 4}, {[]byte("etimedout "), 4}, {[]byte("eaddrinuse: address already in use "), 5},
	{[]byte("eaddrnotavail "), 4}, {[]byte("for "), 2}, {[]byte("server "), 2}, {[]byte("://"), 3}, {[]byte("backend "), 2},
	{[]byte("address "), 2}, {[]byte("/"), 1}, {[]byte("at "), 1}, {[]byte("on "), 1}, {[]byte("eaddrinuse "), 4},
	{[]byte("in use "), 3}, {[]byte("local ("), -8}, {[]byte("client: "), -8}, {[]byte("client="), -8}, {[]byte("laddr "), -8},
	{[]byte("laddr="), -8}, {[]byte("local="), -8}, {[]byte("local: "), -8}, {[]byte("local:/"), -8}, {[]byte("from "), -5},
	{[]byte("remote="), 3}, {[]byte("raddr="), 3}, {[]byte("host: \""), -3}, {[]byte("referrer: \""), -8}, {[]byte("host='"), 2},
}

// rated tells by what stands around an address whether it is the one.
func rated(low []byte, at int, p place, start int) int {
	rating := 0
	before := low[max(0, at-40):at]
	behind := low[min(len(low), at+len(p.name)):]
	for i := range hints {
		if h := &hints[i]; bytes.HasSuffix(before, h.word) {
			rating += h.rating
		}
	}
	if bytes.Contains(before, []byte("upstream: ")) {
		rating += 5
	}
	if bytes.Contains(before, []byte("referrer: ")) || bytes.Contains(before, []byte("request: ")) {
		rating -= 8
	}
	if bytes.HasPrefix(bytes.TrimLeft(behind, "\" "), []byte("->")) {
		rating -= 8
	}
	if !p.addr.IsValid() && bytes.IndexByte(p.name, '.') < 0 && bytes.IndexByte(p.name, '-') < 0 && rating <= 0 && !bytes.HasPrefix(p.name, []byte("localhost:")) {
		rating -= 5 // "word:12" without anything that says it is a host
	}
	distance := at - start
	if distance < 0 {
		distance = -distance
	}
	return rating - distance/150
}
