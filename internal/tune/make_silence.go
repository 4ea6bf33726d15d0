package tune

import (
	"fmt"

	"sockeye/internal/diagnose"
	"sockeye/internal/tcp"
)

const (
	keepaliveName  = "net.ipv4.tcp_keepalive_time"
	tcpRetriesName = "net.ipv4.tcp_retries2"

	keepaliveShipped = 7200 // seconds
	keepaliveLeast   = 60   // below this probes are traffic
	// Gateways and load balancers forget an idle connection after minutes, some after four.
	keepaliveShort = 200

	// RFC 1122 asks for 100 s at least before a connection is given up, to which 8
	// repeats come (ip-sysctl.rst, tcp_retries2); 15 as shipped take a quarter of an hour.
	tcpRetries = 8
)

// silence plans for peers that are gone without a word.
func (m *maker) silence() {
	dead := m.want("half-open-connections", diagnose.Warning)
	if dead != nil {
		if v, ok := m.number(tcpRetriesName); !ok {
			m.left(tcpRetriesName, "unknown", Values{})
		} else if v > tcpRetries {
			m.change(dead, Change{Setting: tcpRetriesName, To: fmt.Sprint(tcpRetries), Reason: "retries2"})
		} else {
			m.left(tcpRetriesName, "few-enough", Values{})
		}
	}
	w := m.forProfile(Database)
	if dead != nil && dead.asIf {
		w = dead
	}
	if dead == nil && w == nil {
		return
	}
	m.probes(w)
	v, ok := m.number(keepaliveName)
	switch {
	case !ok:
		m.left(keepaliveName, "unknown", Values{})
	case v <= keepaliveShort:
		m.left(keepaliveName, "short-enough", Values{})
	case w == nil: // connections that repeat unanswered data send no probes
		m.left(keepaliveName, "keepalive-no-help", Values{})
	case m.asked():
		m.change(w, Change{Setting: keepaliveName, To: fmt.Sprint(keepaliveShort), Reason: "keepalive-time", Values: Values{Need: m.noticed()}})
	default:
		m.left(keepaliveName, "keepalive-nobody", Values{})
	}
}

// asked reports whether a program asked for keepalive probes (SO_KEEPALIVE), or
// no connection could be seen that would tell.
func (m *maker) asked() bool {
	seen := false
	for i := range m.in.Snapshot.Sockets {
		sk := &m.in.Snapshot.Sockets[i]
		if sk.NetNS != m.ns.Inode || sk.State != tcp.Established || sk.Loopback() {
			continue
		}
		if sk.Timer.Kind == tcp.TimerKeepalive {
			return true
		}
		seen = seen || sk.Timer.Kind == tcp.TimerOff
	}
	return !seen
}
