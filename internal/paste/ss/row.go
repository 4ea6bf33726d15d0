package ss

import (
	"bytes"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// announced is which columns the heading announced.
type announced struct {
	bare     bool // no State: one state was asked for
	queless  bool // no queues (-Q)
	unheaded bool // nobody announced anything
}

// heading reads ss's heading. The columns stand in one order, are left out one
// by one, and are glued together where there is little room
// ("Peer Address:PortProcess").
func heading(line []byte) (shape announced, ok bool) {
	switch line[0] {
	case 'N', 'S', 'R', 'L':
	default:
		return shape, false
	}
	queues := bytes.Contains(line, []byte("Recv-Q")) && bytes.Contains(line, []byte("Send-Q"))
	if bytes.Contains(line, []byte("Proto")) || bytes.Contains(line, []byte("Foreign")) {
		return shape, false // net-tools
	}
	if !bytes.Contains(line, []byte("Local Address:Port")) && (!queues || !bytes.Contains(line, []byte("State"))) {
		return shape, false
	}
	return announced{bare: !bytes.Contains(line, []byte("State")), queless: !queues}, true
}

// headingRest: the end of a heading that a narrow terminal broke.
func headingRest(text []byte) bool {
	const end = "Local Address:Port Peer Address:Port Process"
	const glued = "Local Address:Port Peer Address:PortProcess"
	text = bytes.Join(bytes.Fields(text), []byte(" "))
	return len(text) < len(end) && (bytes.HasSuffix([]byte(end), text) || bytes.HasSuffix([]byte(glued), text) ||
		bytes.HasSuffix([]byte(end[:len(end)-len(" Process")]), text))
}

// transport is the Netid column.
type transport uint8

const (
	unsaid transport = iota
	overTCP
	overUDP
	overMPTCP
	overOther // UNIX, netlink, packet, vsock, SCTP… : none of ours
)

func netid(word []byte) transport {
	switch string(word) {
	case "tcp":
		return overTCP
	case "udp", "udpl":
		return overUDP
	case "mptcp":
		return overMPTCP
	case "u_str", "u_dgr", "u_seq", "nl", "p_raw", "p_dgr", "v_str", "v_dgr", "ti_st", "ti_dg", "ti_rd", "ti_sq",
		"xdp", "raw", "icmp6", "sctp", "dccp", "unknown", "???", "`-":
		return overOther
	}
	return unsaid
}

// readState reads the State column (sstate_name of iproute2's misc/ss.c).
func readState(word []byte) (s tcp.State, ok bool) {
	switch string(word) {
	case "ESTAB", "ESTABLISHED":
		return tcp.Established, true
	case "TIME-WAIT":
		return tcp.TimeWait, true
	case "CLOSE-WAIT":
		return tcp.CloseWait, true
	case "LISTEN":
		return tcp.Listen, true
	case "SYN-SENT":
		return tcp.SynSent, true
	case "SYN-RECV", "NEW-SYN-RECV":
		return tcp.SynReceived, true
	case "FIN-WAIT-1":
		return tcp.FinWait1, true
	case "FIN-WAIT-2":
		return tcp.FinWait2, true
	case "LAST-ACK":
		return tcp.LastAck, true
	case "CLOSING":
		return tcp.Closing, true
	case "UNCONN", "CLOSED", "BOUND-INACTIVE":
		return tcp.Closed, true
	case "UNKNOWN":
		return tcp.Unknown, true
	}
	return tcp.Unknown, false
}

// columns is a row in its columns.
type columns struct {
	protocol      transport
	state         tcp.State
	stated        bool // it has a state
	unconnected   bool // and it is UNCONN
	queued        bool // it has queues
	recvq, sendq  uint32
	local, remote []byte
	rest          []byte // what follows the addresses
}

// likeness is what a line looks like.
type likeness uint8

const (
	noRow   likeness = iota
	partRow          // the beginning of a row, without the addresses' end
	wholeRow
	brokenRow // a row whose addresses are none
)

// split takes a line, without blanks before it, apart.
func split(line []byte, shape announced) (r columns, found likeness) {
	word, rest := cutWord(line)
	if r.protocol = netid(word); r.protocol != unsaid {
		word, rest = cutWord(rest)
	}
	if r.state, r.stated = readState(word); r.stated {
		r.unconnected = r.state == tcp.Closed
		word, rest = cutWord(rest)
	} else if !shape.bare {
		return r, noRow
	}
	if r.recvq, r.queued = count(word); r.queued {
		word, rest = cutWord(rest)
		if len(word) == 0 && r.stated {
			return r, partRow
		}
		var ok bool
		if r.sendq, ok = count(word); !ok {
			return r, noRow
		}
		word, rest = cutWord(rest)
	} else if !shape.queless && (!r.stated || r.protocol == overOther || !numeric(word)) {
		return r, noRow // but awk may have dropped the queues
	}
	if r.protocol == overOther {
		return r, wholeRow
	}
	r.local = word
	r.remote, r.rest = cutWord(rest)
	switch {
	case bytes.IndexByte(r.local, ':') < 0 && len(r.remote) > 0:
		return r, noRow
	case len(r.remote) == 0:
		if shape.bare && len(r.local) == 0 {
			return r, noRow // two numbers may be anything
		}
		return r, partRow
	case bytes.IndexByte(r.remote, ':') < 0:
		if len(r.rest) == 0 && len(line) >= wrapMin {
			return r, partRow // broken within the address
		}
		return r, noRow
	}
	if !looksEnd(r.local) || !looksEnd(r.remote) {
		return r, brokenRow
	}
	return r, wholeRow
}

// cutWord cuts the first word off; it is empty at the end.
func cutWord(line []byte) (word, rest []byte) {
	from := 0
	for from < len(line) && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	to := from
	for to < len(line) && line[to] != ' ' && line[to] != '\t' {
		to++
	}
	return line[from:to], line[to:]
}

// lastWord returns where the word that holds or ends at the given place begins.
func lastWord(line []byte, at int) int {
	at = max(0, min(at, len(line)))
	for at > 0 && line[at-1] != ' ' && line[at-1] != '\t' {
		at--
	}
	return at
}

// count reads a queue's length; what 32 bits cannot hold is as much as they can.
func count(word []byte) (n uint32, ok bool) {
	v, ok := form.Decimal(word)
	return uint32(min(v, 1<<32-1)), ok
}
