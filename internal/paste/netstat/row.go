package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// protocol is what the first word of a row says.
type protocol uint8

const (
	noProtocol protocol = iota
	overTCP
	overTCP6 // IPv6, or both
	overUDP
	overOther // raw, icmp, sctp…: netstat's own, and nothing for us
)

func protocolOf(word []byte) protocol {
	if len(word) < 3 || len(word) > 8 {
		return noProtocol
	}
	six := word[len(word)-1] == '6'
	switch word[0] | 0x20 {
	case 't':
		if !isFolded(word[:3], "tcp") {
			return noProtocol
		}
		switch {
		case six && (len(word) == 4 || (len(word) == 5 && (word[3] == '4' || word[3]|0x20 == 'v'))):
			return overTCP6
		case len(word) == 3, len(word) == 4 && word[3] == '4', len(word) == 5 && word[3]|0x20 == 'v' && word[4] == '4':
			return overTCP
		}
	case 'u':
		if isFolded(word[:3], "udp") && (len(word) == 3 || six || word[3] == '4' || word[3]|0x20 == 'v' || word[3]|0x20 == 'l') {
			return overUDP
		}
	case 'r', 'i', 's', 'd', 'm':
		for _, other := range []string{"raw", "raw4", "raw6", "raw46", "icm4", "icm6", "icmp", "icmp6", "sctp", "sctp4", "sctp6", "div4", "dccp", "igmp", "mptcp"} {
			if isFolded(word, other) {
				return overOther
			}
		}
	}
	return noProtocol
}

// isFolded compares ASCII without case; low is in lower case.
func isFolded(word []byte, low string) bool {
	if len(word) != len(low) {
		return false
	}
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != low[i] {
			return false
		}
	}
	return true
}

// protocolAt returns which word is the protocol, -1 when none is: the first, or
// the one behind line numbers, a control block's address or a border.
func protocolAt(c *form.RowWords) int {
	if c.N == 0 {
		return -1
	}
	if protocolOf(c.Word[0]) != noProtocol {
		return 0
	}
	for i := 1; i < min(c.N, 3) && isMargin(c.Word[i-1]); i++ {
		if protocolOf(c.Word[i]) != noProtocol {
			return i
		}
	}
	return -1
}

// isMargin: what may stand before a row and is no part of it: "12:", "3.", "|",
// "fffff80012345678" (netstat -A of BSD).
func isMargin(word []byte) bool {
	if len(word) > 18 {
		return false
	}
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c == 'x', c == ':', c == '.', c == ')', c == '|', c == '#', c == '-':
		default:
			return false
		}
	}
	return true
}

// tidier takes out of a line what people's pastes put into rows: borders of
// tables, backslashes of Markdown, blanks that do not break.
type tidier struct{ scratch []byte }

func (t *tidier) tidy(line []byte) []byte {
	if bytes.IndexByte(line, '|') < 0 && bytes.IndexByte(line, '\\') < 0 && bytes.IndexByte(line, 0xc2) < 0 {
		return line
	}
	t.scratch = t.scratch[:0]
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '|':
			t.scratch = append(t.scratch, ' ')
		case c == '\\' && i+1 < len(line) && (line[i+1] == '*' || line[i+1] == '_' || line[i+1] == '-' || line[i+1] == '['):
		case c == 0xc2 && i+1 < len(line) && line[i+1] == 0xa0:
			t.scratch = append(t.scratch, ' ')
			i++
		default:
			t.scratch = append(t.scratch, c)
		}
	}
	return t.scratch
}

// anEnd reads an end however it is written: the last of colon and dot divides.
// isDotted tells that it was the dot. six says that "*" means every IPv6 address.
func anEnd(word []byte, six bool, ports *tcp.Services) (end netip.AddrPort, mapped, isDotted, ok bool) {
	colon, dot := bytes.LastIndexByte(word, ':'), bytes.LastIndexByte(word, '.')
	if isDotted = dot > colon; isDotted {
		end, mapped, ok = form.Dotted(word, ports)
	} else {
		end, mapped, ok = form.Endpoint(word, ports)
	}
	if ok && six && word[0] == '*' {
		end = netip.AddrPortFrom(netip.IPv6Unspecified(), end.Port())
	}
	return end, mapped, isDotted, ok
}

// without reports whether an end is nobody: a listener has such a far end. Where
// names are shown it is a name with port 0, which no connection has.
func without(word []byte, end netip.AddrPort) bool {
	if end.Port() != 0 {
		return false
	}
	last := word[len(word)-1]
	return (last == '0' || last == '*') && len(word) > 1 && (word[len(word)-2] == ':' || word[len(word)-2] == '.')
}

// count32 reads a queue's length; a number too large for it is its largest.
func count32(word []byte) uint32 {
	var n uint64
	for _, c := range word {
		if n = n*10 + uint64(c-'0'); n > 1<<32-1 {
			return 1<<32 - 1
		}
	}
	return uint32(n)
}

// rowPID reads a process id; 0 when it is none or is nobody's.
func rowPID(word []byte) int32 {
	if len(word) == 0 || len(word) > 10 || !form.IsNumber(word) {
		return 0
	}
	n := count32(word)
	if n > 1<<31-1 {
		return 0
	}
	return int32(n)
}
