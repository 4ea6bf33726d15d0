package paste

import (
	"bytes"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// ssSummary reads ss -s:
//
//	Total: 180 (kernel 0)
//	TCP:   4595 (estab 3548, closed 956, orphaned 8, synrecv 0, timewait 954/0), ports 0
//
//	Transport Total     IP        IPv6
//	TCP       3639      3600      39
//
// "closed" is what is allocated less what is in use, and so counts TIME_WAIT and
// sockets that do nothing together: it is no state, and left out.
type ssSummary struct {
	sure bool     // "TCP:" was seen
	held [][]byte // before it: anybody may write "Total: 5"
}

// ssHeldMax is how many lines are waited for what makes sure.
const ssHeldMax = 4

func ssSummaryBegins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return ssTotal(line) || ssTCPLine(line)
}

// ssTotal: "Total: 180", "Total: 180 (kernel 0)" and nothing else.
func ssTotal(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("Total:"))
	if !ok {
		return false
	}
	word, rest := ssWord(rest)
	_, ok = decimal(word)
	rest = bytes.TrimSpace(rest)
	return ok && (len(rest) == 0 || bytes.HasPrefix(rest, []byte("(kernel")))
}

func ssTCPLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("TCP:")) && bytes.Contains(line, []byte("(estab "))
}

func (s *ssSummary) read(line []byte, b *builder) verdict {
	line = bytes.TrimSpace(line)
	if !s.sure {
		if s.sure = ssTCPLine(line); !s.sure {
			if len(s.held) >= ssHeldMax || len(line) > 0 && !ssTotal(line) {
				return foreign
			}
			s.held = append(s.held, bytes.Clone(line))
			return skipped
		}
	}
	first, rest := ssWord(line)
	switch {
	case len(line) == 0, ssTotal(line):
		return skipped
	case ssTCPLine(line):
		b.os("linux")
		return ssCounts(rest, b)
	case string(first) == "Transport" && bytes.Contains(rest, []byte("Total")):
		return skipped
	}
	total, rest := ssWord(rest)
	n, ok := decimal(total)
	v4, rest := ssWord(rest)
	v6, rest := ssWord(rest)
	if !ok || len(v6) == 0 || len(bytes.TrimSpace(rest)) > 0 || !ssNumberOrNone(v4) || !ssNumberOrNone(v6) {
		return foreign
	}
	switch string(first) {
	case "TCP":
		b.ns.InUse = host.Some(n)
		return row
	case "UDP":
		b.ns.UDPInUse = host.Some(n)
		return row
	case "*", "RAW", "INET", "FRAG":
		return skipped
	}
	return foreign
}

func ssNumberOrNone(word []byte) bool {
	_, ok := decimal(word)
	return ok || string(word) == "-"
}

// ssCounts reads "4595 (estab 3548, closed 956, …)". The first number is the
// sockets allocated and the small ones of SYN_RECV and TIME_WAIT together
// (print_summary of iproute2's misc/ss.c).
func ssCounts(text []byte, b *builder) verdict {
	open, end := bytes.IndexByte(text, '('), bytes.IndexByte(text, ')')
	if end < 0 {
		end = len(text) // the line was cut
	}
	word, _ := ssWord(text)
	all, ok := decimal(word)
	if !ok || open < 0 || end < open {
		return bad
	}
	var mini uint64
	var waits bool
	for part := range bytes.SplitSeq(text[open+1:end], []byte(",")) {
		name, value := ssWord(part)
		value, _ = ssWord(value)
		value, _, _ = bytes.Cut(value, []byte("/")) // of all namespaces together
		n, ok := decimal(value)
		if !ok {
			continue
		}
		switch string(name) {
		case "estab":
			b.count(tcp.Established, n)
		case "synrecv":
			if mini += n; n > 0 {
				b.count(tcp.SynReceived, n)
			}
		case "timewait":
			b.count(tcp.TimeWait, n)
			b.ns.TimeWait = host.Some(n)
			mini, waits = mini+n, true
		case "orphaned":
			b.system.TCPOrphans = host.Some(n)
		}
	}
	if waits && all >= mini {
		b.system.TCPAlloc = host.Some(all - mini)
	}
	return row
}

func (*ssSummary) close(*builder) {}

func (s *ssSummary) refused() [][]byte {
	if s.sure {
		return nil
	}
	return s.held
}
