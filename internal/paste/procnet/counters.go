package procnet

import (
	"bytes"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
)

// sockstat reads /proc/net/sockstat and sockstat6: "TCP: inuse 2 orphan 0 tw 0 alloc 7 mem 149".
// inuse and tw are the namespace's; orphan, alloc and mem are the whole machine's.
type sockstat struct{ inUse4, inUse6, udp4, udp6 host.Opt }

func sockstatBegins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return bytes.HasPrefix(line, []byte("sockets: used ")) || bytes.HasPrefix(line, []byte("TCP: inuse ")) ||
		bytes.HasPrefix(line, []byte("TCP6: inuse "))
}

func (t *sockstat) Read(line []byte, into *form.Builder) form.Verdict {
	words := strings.Fields(string(line[:min(len(line), 400)]))
	if len(words) == 0 {
		return form.Skipped
	}
	if len(words) < 3 || len(words)%2 == 0 || !strings.HasSuffix(words[0], ":") {
		return form.Foreign
	}
	for i := 2; i < len(words); i += 2 {
		if !form.IsNumber([]byte(words[i])) {
			return form.Foreign // the kernel's log has lines that begin with "TCP: ", too
		}
	}
	value := func(name string) host.Opt {
		for i := 1; i+1 < len(words); i += 2 {
			if words[i] == name {
				if n, ok := form.Decimal([]byte(words[i+1])); ok {
					return host.Some(n)
				}
			}
		}
		return host.Opt{}
	}
	switch words[0] {
	case "TCP:":
		t.inUse4 = value("inuse")
		form.ReplaceIfKnown(&into.NS.TimeWait, value("tw"))
		form.ReplaceIfKnown(&into.System.TCPOrphans, value("orphan"))
		form.ReplaceIfKnown(&into.System.TCPAlloc, value("alloc"))
		form.ReplaceIfKnown(&into.System.TCPMemPages, value("mem"))
	case "TCP6:":
		t.inUse6 = value("inuse")
	case "UDP:":
		t.udp4 = value("inuse")
	case "UDP6:":
		t.udp6 = value("inuse")
	case "sockets:", "UDPLITE:", "UDPLITE6:", "RAW:", "RAW6:", "FRAG:", "FRAG6:":
	default:
		return form.Foreign
	}
	return form.Row
}

// Close adds the families up. They may come from two files: what one tells is
// added to what the other told.
func (t *sockstat) Close(into *form.Builder) {
	into.OS("linux")
	into.InUse4, into.InUse6 = either(t.inUse4, into.InUse4), either(t.inUse6, into.InUse6)
	if into.InUse4.Known {
		into.NS.InUse = host.Some(into.InUse4.Value + into.InUse6.Value)
	}
	into.UDP4, into.UDP6 = either(t.udp4, into.UDP4), either(t.udp6, into.UDP6)
	if into.UDP4.Known {
		into.NS.UDPInUse = host.Some(into.UDP4.Value + into.UDP6.Value)
	}
}

func either(a, b host.Opt) host.Opt {
	if a.Known {
		return a
	}
	return b
}

// twoLines reads /proc/net/snmp and /proc/net/netstat: pairs of lines, the names
// of the columns and their values, both led by "TcpExt:".
type twoLines struct{ prefix, names string }

// twoLinesBegin: "Tcp: RtoAlgorithm RtoMin …". netstat -s has a prefix alone on its line.
func twoLinesBegin(line []byte) bool {
	prefix, rest, ok := counterLine(line)
	if !ok {
		return false
	}
	columns := 0
	for word := range bytes.FieldsSeq(rest) {
		if word[0] < 'A' || word[0] > 'Z' || !form.IsAlphanumeric(word) {
			return false
		}
		if columns++; columns == 3 {
			return true
		}
	}
	return columns > 0 && string(prefix) == "IcmpMsg"
}

// counterLine cuts "TcpExt: …" when its prefix is one of the kernel's.
func counterLine(line []byte) (prefix, rest []byte, ok bool) {
	colon := bytes.IndexByte(line[:min(len(line), 16)], ':')
	if colon < 2 || len(line) < colon+3 || line[colon+1] != ' ' {
		return nil, nil, false
	}
	switch string(line[:colon]) {
	case "Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt", "MPTcpExt", "Sctp":
		return line[:colon], line[colon+1:], true
	}
	return nil, nil, false
}

func (t *twoLines) Read(line []byte, into *form.Builder) form.Verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return form.Skipped
	}
	prefix, rest, ok := counterLine(line)
	if !ok {
		return form.Foreign
	}
	if t.names == "" || string(prefix) != t.prefix {
		t.prefix, t.names = string(prefix), string(rest)
		return form.Row
	}
	names := strings.Fields(t.names)
	t.names = ""
	i := 0
	for value := range bytes.FieldsSeq(rest) {
		if i == len(names) {
			break
		}
		// Values that are no unsigned number (Tcp MaxConn is -1) are left out.
		if n, ok := form.Decimal(value); ok {
			into.KeepCounter(t.prefix+names[i], n)
		} else if value[0] != '-' {
			return form.Bad
		}
		i++
	}
	return form.Row
}

func (t *twoLines) Close(into *form.Builder) { into.OS("linux") }
