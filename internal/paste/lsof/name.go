package lsof

import (
	"bytes"
	"math"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// socket reads the NAME of a TCP socket: "10.0.0.1:5->10.0.0.2:80
// (ESTABLISHED)", "*:80 (LISTEN QR=0 QS=0)"; BSD says of a socket whose
// connection is gone only that there is "no PCB".
func socket(name []byte, b *form.Builder) (s tcp.Socket, ok bool) {
	ends := name
	if at := bytes.LastIndex(name, []byte(" (")); at >= 0 {
		ends = name[:at]
		readState(bytes.TrimRight(name[at+2:], ") "), &s)
	} else if bytes.HasPrefix(name, []byte("(")) {
		return s, false
	}
	if bytes.HasPrefix(ends, []byte("no PCB")) {
		s.State = tcp.Closed
		return s, true
	}
	if !readEnds(bytes.TrimSpace(ends), &s, b) {
		return s, false
	}
	return s, true
}

// readEnds reads "local->remote", or "local" alone.
func readEnds(text []byte, s *tcp.Socket, b *form.Builder) (ok bool) {
	local, remote, both := bytes.Cut(text, []byte("->"))
	var mapped bool
	if s.Local, s.V4Mapped, ok = form.Endpoint(portmapped(local), b.Ports); !ok {
		return false
	}
	if both {
		if s.Remote, mapped, ok = form.Endpoint(portmapped(remote), b.Ports); !ok {
			return false
		}
		s.V4Mapped = s.V4Mapped || mapped
	}
	return true
}

// portmapped takes off what +M adds to a port: "111[portmapper]".
func portmapped(end []byte) []byte {
	colon := bytes.LastIndexByte(end, ':')
	if colon < 0 {
		return end
	}
	if at := bytes.IndexByte(end[colon:], '['); at > 0 {
		return end[:colon+at]
	}
	return end
}

// readState reads what stands in brackets behind the ends: the state, and with
// -T also the queues, QR and QS.
func readState(text []byte, s *tcp.Socket) {
	for len(text) > 0 {
		var word []byte
		word, text, _ = bytes.Cut(text, []byte(" "))
		measure(word, s)
	}
	if s.State == tcp.Listen {
		s.SendQ = 0 // of a listener it would be the limit of its queue, which lsof does not know
	}
}

// measure reads one word of what lsof tells of a connection; with -F the
// state is "ST=…".
func measure(word []byte, s *tcp.Socket) {
	key, value, named := bytes.Cut(word, []byte("="))
	if !named {
		key, value = []byte("ST"), word
	}
	switch string(key) {
	case "ST":
		if state, ok := form.StateOf(value); ok {
			s.State = state
		} else if bytes.Equal(value, []byte("IDLE")) { // Solaris: made, and nothing else
			s.State = tcp.Closed
		}
	case "QR":
		if n, ok := form.SmallNumber(value, math.MaxUint32); ok {
			s.RecvQ = uint32(n)
		}
	case "QS":
		if n, ok := form.SmallNumber(value, math.MaxUint32); ok && s.State != tcp.Listen {
			s.SendQ = uint32(n)
		}
	}
}

// unescaped writes lsof's escapes of a command back: "\x20", "\t", "\\".
func unescaped(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'x':
			if i+2 < len(text) {
				if high, low := form.HexDigit(text[i+1]), form.HexDigit(text[i+2]); high >= 0 && low >= 0 {
					out = append(out, byte(high<<4|low))
					i += 2
					continue
				}
			}
			out = append(out, '\\', 'x')
		case 't', 'n', 'r', 'f', 'b':
			out = append(out, map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'b': '\b'}[c])
		case '\\':
			out = append(out, '\\')
		default:
			out = append(out, '\\', c)
		}
	}
	return string(out)
}
