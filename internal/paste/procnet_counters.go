package paste

import (
	"bytes"
	"strings"

	"sockeye/internal/host"
)

// sockstat reads /proc/net/sockstat and sockstat6: "TCP: inuse 2 orphan 0 tw 0 alloc 7 mem 149".
// inuse and tw are the namespace's; orphan, alloc and mem are the whole machine's.
type sockstat struct{ inUse4, inUse6, udp4, udp6 host.Opt }

func sockstatBegins(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return bytes.HasPrefix(line, []byte("sockets: used ")) || bytes.HasPrefix(line, []byte("TCP: inuse ")) ||
		bytes.HasPrefix(line, []byte("TCP6: inuse "))
}

func (t *sockstat) read(line []byte, into *builder) verdict {
	words := strings.Fields(string(line[:min(len(line), 400)]))
	if len(words) == 0 {
		return skipped
	}
	if len(words) < 3 || len(words)%2 == 0 || !strings.HasSuffix(words[0], ":") {
		return foreign
	}
	for i := 2; i < len(words); i += 2 {
		if !number([]byte(words[i])) {
			return foreign // the kernel's log has lines that begin with "TCP: ", too
		}
	}
	value := func(name string) host.Opt {
		for i := 1; i+1 < len(words); i += 2 {
			if words[i] == name {
				if n, ok := decimal([]byte(words[i+1])); ok {
					return host.Some(n)
				}
			}
		}
		return host.Opt{}
	}
	switch words[0] {
	case "TCP:":
		t.inUse4 = value("inuse")
		known(&into.ns.TimeWait, value("tw"))
		known(&into.system.TCPOrphans, value("orphan"))
		known(&into.system.TCPAlloc, value("alloc"))
		known(&into.system.TCPMemPages, value("mem"))
	case "TCP6:":
		t.inUse6 = value("inuse")
	case "UDP:":
		t.udp4 = value("inuse")
	case "UDP6:":
		t.udp6 = value("inuse")
	case "sockets:", "UDPLITE:", "UDPLITE6:", "RAW:", "RAW6:", "FRAG:", "FRAG6:":
	default:
		return foreign
	}
	return row
}

// close adds the families up. They may come from two files: what one tells is
// added to what the other told.
func (t *sockstat) close(into *builder) {
	into.os("linux")
	into.inUse4, into.inUse6 = either(t.inUse4, into.inUse4), either(t.inUse6, into.inUse6)
	if into.inUse4.Known {
		into.ns.InUse = host.Some(into.inUse4.Value + into.inUse6.Value)
	}
	into.udp4, into.udp6 = either(t.udp4, into.udp4), either(t.udp6, into.udp6)
	if into.udp4.Known {
		into.ns.UDPInUse = host.Some(into.udp4.Value + into.udp6.Value)
	}
}

func either(a, b host.Opt) host.Opt {
	if a.Known {
		return a
	}
	return b
}

// known replaces a number when there is one.
func known(old *host.Opt, now host.Opt) {
	if now.Known {
		*old = now
	}
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
		if word[0] < 'A' || word[0] > 'Z' || !isAlphanumeric(word) {
			return false
		}
		if columns++; columns == 3 {
			return true
		}
	}
	return columns > 0 && string(prefix) == "IcmpMsg"
}

func isAlphanumeric(word []byte) bool {
	for _, c := range word {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
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

func (t *twoLines) read(line []byte, into *builder) verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return skipped
	}
	prefix, rest, ok := counterLine(line)
	if !ok {
		return foreign
	}
	if t.names == "" || string(prefix) != t.prefix {
		t.prefix, t.names = string(prefix), string(rest)
		return row
	}
	names := strings.Fields(t.names)
	t.names = ""
	i := 0
	for value := range bytes.FieldsSeq(rest) {
		if i == len(names) {
			break
		}
		// Values that are no unsigned number (Tcp MaxConn is -1) are left out.
		if n, ok := decimal(value); ok {
			into.keepCounter(t.prefix+names[i], n)
		} else if value[0] != '-' {
			return bad
		}
		i++
	}
	return row
}

func (t *twoLines) close(into *builder) { into.os("linux") }

// keepCounter is counter with a bound: hostile text has names without end.
func (b *builder) keepCounter(name string, value uint64) {
	if len(b.ns.Counters) < 4096 && len(name) < 80 {
		b.counter(name, value)
	}
}
