package paste

import (
	"bytes"

	"sockeye/internal/tcp"
)

// ssShape is which columns the heading announced.
type ssShape struct {
	bare     bool // no State: one state was asked for
	queless  bool // no queues (-Q)
	unheaded bool // nobody announced anything
}

// ssHeading reads ss's heading. The columns stand in one order, are left out one
// by one, and are glued together where there is little room
// ("Peer Address:PortProcess").
func ssHeading(line []byte) (shape ssShape, ok bool) {
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
	return ssShape{bare: !bytes.Contains(line, []byte("State")), queless: !queues}, true
}

// ssHeadingRest: the end of a heading that a narrow terminal broke.
func ssHeadingRest(text []byte) bool {
	const end = "Local Address:Port Peer Address:Port Process"
	const glued = "Local Address:Port Peer Address:PortProcess"
	text = bytes.Join(bytes.Fields(text), []byte(" "))
	return len(text) < len(end) && (bytes.HasSuffix([]byte(end), text) || bytes.HasSuffix([]byte(glued), text) ||
		bytes.HasSuffix([]byte(end[:len(end)-len(" Process")]), text))
}

// ssProtocol is the Netid column.
type ssProtocol uint8

const (
	ssUnsaid ssProtocol = iota
	ssTCP
	ssUDP
	ssMPTCP
	ssOther // UNIX, netlink, packet, vsock, SCTP… : none of ours
)

func ssNetid(word []byte) ssProtocol {
	switch string(word) {
	case "tcp":
		return ssTCP
	case "udp", "udpl":
		return ssUDP
	case "mptcp":
		return ssMPTCP
	case "u_str", "u_dgr", "u_seq", "nl", "p_raw", "p_dgr", "v_str", "v_dgr", "ti_st", "ti_dg", "ti_rd", "ti_sq",
		"xdp", "raw", "icmp6", "sctp", "dccp", "unknown", "???", "`-":
		return ssOther
	}
	return ssUnsaid
}

// ssState reads the State column (sstate_name of iproute2's misc/ss.c).
func ssState(word []byte) (s tcp.State, ok bool) {
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

// ssRow is a row in its columns.
type ssRow struct {
	protocol      ssProtocol
	state         tcp.State
	stated        bool // it has a state
	unconnected   bool // and it is UNCONN
	queued        bool // it has queues
	recvq, sendq  uint32
	local, remote []byte
	rest          []byte // what follows the addresses
}

// ssFound is what a line looks like.
type ssFound uint8

const (
	ssNothing ssFound = iota
	ssPart            // the beginning of a row, without the addresses' end
	ssWhole
	ssBroken // a row whose addresses are none
)

// ssSplit takes a line, without blanks before it, apart.
func ssSplit(line []byte, shape ssShape) (r ssRow, found ssFound) {
	word, rest := ssWord(line)
	if r.protocol = ssNetid(word); r.protocol != ssUnsaid {
		word, rest = ssWord(rest)
	}
	if r.state, r.stated = ssState(word); r.stated {
		r.unconnected = r.state == tcp.Closed
		word, rest = ssWord(rest)
	} else if !shape.bare {
		return r, ssNothing
	}
	if r.recvq, r.queued = ssCount(word); r.queued {
		word, rest = ssWord(rest)
		if len(word) == 0 && r.stated {
			return r, ssPart
		}
		var ok bool
		if r.sendq, ok = ssCount(word); !ok {
			return r, ssNothing
		}
		word, rest = ssWord(rest)
	} else if !shape.queless && (!r.stated || r.protocol == ssOther || !ssNumeric(word)) {
		return r, ssNothing // but awk may have dropped the queues
	}
	if r.protocol == ssOther {
		return r, ssWhole
	}
	r.local = word
	r.remote, r.rest = ssWord(rest)
	switch {
	case bytes.IndexByte(r.local, ':') < 0 && len(r.remote) > 0:
		return r, ssNothing
	case len(r.remote) == 0:
		if shape.bare && len(r.local) == 0 {
			return r, ssNothing // two numbers may be anything
		}
		return r, ssPart
	case bytes.IndexByte(r.remote, ':') < 0:
		if len(r.rest) == 0 && len(line) >= ssWrapMin {
			return r, ssPart // broken within the address
		}
		return r, ssNothing
	}
	if !ssEnd(r.local) || !ssEnd(r.remote) {
		return r, ssBroken
	}
	return r, ssWhole
}

// ssWord cuts the first word off; it is empty at the end.
func ssWord(line []byte) (word, rest []byte) {
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

// ssLastWord returns where the word that holds or ends at the given place begins.
func ssLastWord(line []byte, at int) int {
	at = max(0, min(at, len(line)))
	for at > 0 && line[at-1] != ' ' && line[at-1] != '\t' {
		at--
	}
	return at
}

// ssCount reads a queue's length; what 32 bits cannot hold is as much as they can.
func ssCount(word []byte) (n uint32, ok bool) {
	v, ok := decimal(word)
	return uint32(min(v, 1<<32-1)), ok
}
