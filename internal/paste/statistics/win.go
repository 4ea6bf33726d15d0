package statistics

import (
	"bytes"
	"strconv"

	"sockeye/internal/paste/form"
)

// equations reads netstat -s of Windows: a title a protocol, and "name = number".
// The names are translated, their order is always that of MIB_TCPSTATS
// (learn.microsoft.com/windows/win32/api/tcpmib/ns-tcpmib-mib_tcpstats_lh).
type equations struct {
	family int // 0 none, 1 IPv4, 2 IPv6: whose TCP counters come now
	at     int // how many of them have been read
	values [3][8]uint64
	told   [3]int
	rows   int
}

// equationNames are the counters in the order in which Windows prints them. They
// are those of RFC 4022, as Linux' are.
var equationNames = [8]string{
	"TcpActiveOpens", "TcpPassiveOpens", "TcpAttemptFails", "TcpEstabResets",
	"TcpCurrEstab", "TcpInSegs", "TcpOutSegs", "TcpRetransSegs",
}

func beginsEquations(line []byte) bool {
	if c := form.FirstByte(line); c == 0 || len(line) > 90 || c == '<' {
		return false
	}
	return statisticsTitle(bytes.TrimSpace(line))
}

// statisticsTitle: "TCP Statistics for IPv4", "IPv4 Statistics" and the same in
// other languages: two names that nobody translates, and the word.
func statisticsTitle(line []byte) bool {
	if !bytes.Contains(line, []byte("IPv4")) && !bytes.Contains(line, []byte("IPv6")) &&
		!bytes.Contains(line, []byte("ICMP")) && !bytes.Contains(line, []byte("UDP")) {
		return false
	}
	if len(line) > 80 || bytes.Count(line, []byte(" ")) > 6 || bytes.ContainsAny(line, "=.:;,!?\"'(") {
		return false
	}
	for _, word := range []string{"tatisti", "tatísti", "tadístic", "татистик", "统计", "統計", "통계", "İstatisti", "statystyk"} {
		if bytes.Contains(line, []byte(word)) {
			return true
		}
	}
	return false
}

func (e *equations) Read(line []byte, b *form.Builder) form.Verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case len(trimmed) == 0:
		return form.Skipped
	case statisticsTitle(trimmed):
		e.title(trimmed)
		return form.Skipped
	}
	name, value, ok := bytes.Cut(trimmed, []byte("="))
	if value = bytes.TrimSpace(value); !ok || !form.IsNumber(value) {
		if e.family == 0 && e.rows > 0 && line[0] == ' ' && len(trimmed) < 80 {
			return form.Skipped // ICMP counts in two columns
		}
		return form.Foreign
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return form.Bad
	}
	e.rows++
	if e.family == 0 || e.at >= len(equationNames) {
		return form.Skipped
	}
	at := e.at
	if known, ok := equationOf(bytes.TrimSpace(name)); ok {
		at = known // somebody grepped, or left lines out
	}
	e.values[e.family][at] = n
	e.told[e.family] |= 1 << at
	e.at = at + 1
	b.OS("windows")
	return form.Row
}

func (e *equations) title(title []byte) {
	e.family, e.at = 0, 0
	if !bytes.Contains(title, []byte("TCP")) {
		return
	}
	if e.family = 1; bytes.Contains(title, []byte("IPv6")) {
		e.family = 2
	}
}

// equationOf knows the English names.
func equationOf(name []byte) (at int, ok bool) {
	for i, n := range [...]string{
		"Active Opens", "Passive Opens", "Failed Connection Attempts", "Reset Connections",
		"Current Connections", "Segments Received", "Segments Sent", "Segments Retransmitted",
	} {
		if string(name) == n {
			return i, true
		}
	}
	return 0, false
}

// Close gives the counters of both families together, as Linux counts them.
func (e *equations) Close(b *form.Builder) {
	for i, name := range equationNames {
		if e.told[1]|e.told[2] != 0 && (e.told[1]|e.told[2])>>i&1 != 0 {
			b.Counter(name, e.values[1][i]+e.values[2][i])
		}
	}
}
