package ss

import (
	"bytes"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// summary reads ss -s:
//
//	Total: 180 (kernel 0)
//	TCP:   4595 (estab 3548, closed 956, orphaned 8, synrecv 0, timewait 954/0), ports 0
//
//	Transport Total     IP        IPv6
//	TCP       3639      3600      39
//
// "closed" is what is allocated less what is in use, and so counts TIME_WAIT and
// sockets that do nothing together: it is no state, and left out.
type summary struct {
	sure bool     // "TCP:" was seen
	held [][]byte // before it: anybody may write "Total: 5"
}

// heldMax is how many lines are waited for what makes sure.
const heldMax = 4

func summaryBegins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return isTotal(line) || tcpLine(line)
}

// isTotal: "Total: 180", "Total: 180 (kernel 0)" and nothing else.
func isTotal(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("Total:"))
	if !ok {
		return false
	}
	word, rest := cutWord(rest)
	_, ok = form.Decimal(word)
	rest = bytes.TrimSpace(rest)
	return ok && (len(rest) == 0 || bytes.HasPrefix(rest, []byte("(kernel")))
}

func tcpLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("TCP:")) && bytes.Contains(line, []byte("(estab "))
}

func (s *summary) Read(line []byte, b *form.Builder) form.Verdict {
	line = bytes.TrimSpace(line)
	if !s.sure {
		if s.sure = tcpLine(line); !s.sure {
			if len(s.held) >= heldMax || len(line) > 0 && !isTotal(line) {
				return form.Foreign
			}
			s.held = append(s.held, bytes.Clone(line))
			return form.Skipped
		}
	}
	first, rest := cutWord(line)
	switch {
	case len(line) == 0, isTotal(line):
		return form.Skipped
	case tcpLine(line):
		b.OS("linux")
		return counts(rest, b)
	case string(first) == "Transport" && bytes.Contains(rest, []byte("Total")):
		return form.Skipped
	}
	total, rest := cutWord(rest)
	n, ok := form.Decimal(total)
	v4, rest := cutWord(rest)
	v6, rest := cutWord(rest)
	if !ok || len(v6) == 0 || len(bytes.TrimSpace(rest)) > 0 || !numberOrNone(v4) || !numberOrNone(v6) {
		return form.Foreign
	}
	switch string(first) {
	case "TCP":
		b.NS.InUse = host.Some(n)
		return form.Row
	case "UDP":
		b.NS.UDPInUse = host.Some(n)
		return form.Row
	case "*", "RAW", "INET", "FRAG":
		return form.Skipped
	}
	return form.Foreign
}

func numberOrNone(word []byte) bool {
	_, ok := form.Decimal(word)
	return ok || string(word) == "-"
}

// counts reads "4595 (estab 3548, closed 956, …)". The first number is the
// sockets allocated and the small ones of SYN_RECV and TIME_WAIT together
// (print_summary of iproute2's misc/ss.c).
func counts(text []byte, b *form.Builder) form.Verdict {
	open, end := bytes.IndexByte(text, '('), bytes.IndexByte(text, ')')
	if end < 0 {
		end = len(text) // the line was cut
	}
	word, _ := cutWord(text)
	all, ok := form.Decimal(word)
	if !ok || open < 0 || end < open {
		return form.Bad
	}
	var mini uint64
	var waits bool
	for part := range bytes.SplitSeq(text[open+1:end], []byte(",")) {
		name, value := cutWord(part)
		value, _ = cutWord(value)
		value, _, _ = bytes.Cut(value, []byte("/")) // of all namespaces together
		n, ok := form.Decimal(value)
		if !ok {
			continue
		}
		switch string(name) {
		case "estab":
			b.Count(tcp.Established, n)
		case "synrecv":
			if mini += n; n > 0 {
				b.Count(tcp.SynReceived, n)
			}
		case "timewait":
			b.Count(tcp.TimeWait, n)
			b.NS.TimeWait = host.Some(n)
			mini, waits = mini+n, true
		case "orphaned":
			b.System.TCPOrphans = host.Some(n)
		}
	}
	if waits && all >= mini {
		b.System.TCPAlloc = host.Some(all - mini)
	}
	return form.Row
}

func (*summary) Close(*form.Builder) {}

func (s *summary) Refused() [][]byte {
	if s.sure {
		return nil
	}
	return s.held
}
