package statistics

import (
	"bytes"
	"strconv"

	"sockeye/internal/paste/form"
)

// sunCounts reads netstat -s of Solaris and illumos: two columns of
// "tcpActiveOpens      =  1204". The names are those of the MIB (inet/mib2.h).
type sunCounts struct{}

// sunCounters are counters of the same meaning. A listener that is full counts a
// tcpListenDrop, one whose half-open connections are too many a tcpListenDropQ0.
var sunCounters = map[string]string{
	"tcpActiveOpens": "TcpActiveOpens", "tcpPassiveOpens": "TcpPassiveOpens", "tcpAttemptFails": "TcpAttemptFails",
	"tcpEstabResets": "TcpEstabResets", "tcpCurrEstab": "TcpCurrEstab", "tcpOutSegs": "TcpOutSegs", "tcpInSegs": "TcpInSegs",
	"tcpRetransSegs": "TcpRetransSegs", "tcpListenDrop": "TcpExtListenOverflows", "tcpListenDropQ0": "TcpExtTCPReqQFullDrop",
	"tcpTimRetransDrop": "TcpExtTCPAbortOnTimeout",
}

// sunFamilies are what the names begin with.
var sunFamilies = [][]byte{[]byte("tcp"), []byte("udp"), []byte("ip"), []byte("icmp"), []byte("rawip"), []byte("sctp"), []byte("igmp")}

func beginsSunCounts(line []byte) bool {
	switch form.FirstByte(line) {
	case 't', 'T', 'u', 'U', 'i', 'I', 'r', 'R', 's', 'S':
		if len(line) > 200 {
			return false
		}
		_, _, _, ok := sunPair(line)
		return ok && sunMargin(line)
	}
	return false
}

// sunPair cuts "tcpActiveOpens =1204" off the beginning of a line; what names the
// section may stand before it.
func sunPair(line []byte) (name []byte, value uint64, rest []byte, ok bool) {
	before, after, found := bytes.Cut(line, []byte("="))
	if !found {
		return nil, 0, nil, false
	}
	before = bytes.TrimRight(before, " \t")
	name = before[bytes.LastIndexAny(before, " \t")+1:]
	if len(name) < 6 || len(name) > 24 || !sunName(name) {
		return nil, 0, nil, false
	}
	after = bytes.TrimLeft(after, " \t-") // "tcpMaxConn = -1": none
	end := 0
	for end < len(after) && after[end] >= '0' && after[end] <= '9' {
		end++
	}
	value, err := strconv.ParseUint(string(after[:end]), 10, 64)
	if err != nil || end < len(after) && after[end] != ' ' && after[end] != '\t' {
		return nil, 0, nil, false
	}
	return name, value, after[end:], true
}

// sunName: a family in small letters and a word that begins with a capital one.
func sunName(name []byte) bool {
	for _, f := range sunFamilies {
		if rest := name[min(len(f), len(name)):]; bytes.HasPrefix(name, f) && len(rest) > 2 && rest[0] >= 'A' && rest[0] <= 'Z' && bytes.IndexByte(rest, '_') < 0 && bytes.IndexByte(rest, '.') < 0 {
			return true
		}
	}
	return bytes.HasPrefix(name, []byte("ipv6")) && len(name) > 6
}

// sunMargin: nothing but the name of a section stands before the first pair.
func sunMargin(line []byte) bool {
	var c form.RowWords
	c.Cut(line, 3)
	switch string(c.Word[0]) {
	case "TCP", "UDP", "IPv4", "IPv6", "ICMPv4", "ICMPv6", "IGMP", "RAWIP", "SCTP":
		return true
	}
	return c.N > 1 && sunName(bytes.TrimRight(c.Word[0], "=0123456789"))
}

func (*sunCounts) Read(line []byte, b *form.Builder) form.Verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return form.Skipped
	}
	if len(line) > 200 {
		return form.Foreign
	}
	found := false
	for rest := line; ; {
		name, value, after, ok := sunPair(rest)
		if !ok {
			break
		}
		found, rest = true, after
		if known := sunCounters[string(name)]; known != "" {
			b.Counter(known, value)
		}
	}
	switch {
	case found:
		return form.Row
	case bytes.HasSuffix(bytes.TrimSpace(line), []byte("IGMP:")), form.HasWords(line, "\t"), bytes.Contains(line, []byte(" messages received")):
		return form.Skipped
	}
	return form.Foreign
}

func (*sunCounts) Close(b *form.Builder) { b.OS("solaris") }
