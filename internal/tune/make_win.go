package tune

import (
	"fmt"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
)

// Windows has other settings, and this version writes none of them: all stand in
// Plan.ByHand. Bounds are Microsoft's: TcpTimedWaitDelay from 30 to 300 seconds,
// a dynamic range of 255 ports at least that begins at 1025 or above
// (https://github.com/MicrosoftDocs/SupportArticles-docs,
// tcp-ip-port-exhaustion-troubleshooting.md).
const (
	dynamicPortsName = "windows.dynamicport.ipv4.tcp" // "49152 16384": first, and how many
	timedWaitName    = "windows.TcpTimedWaitDelay"
	maxUserPortName  = "windows.MaxUserPort"

	dynamicStart, dynamicCount = 10000, 55536
	timedWaitLeast             = 30
	timedWaitMost              = 300
	timedWaitShort             = 60 // proposed: half of what Windows does by itself
	userPortMost               = 65534
	vista                      = 6 // the first version with a dynamic range; Server 2003 is 5.2
)

// windows plans for Windows.
func (m *maker) windows() {
	run := m.want("port-exhaustion", diagnose.Warning)
	ports := first(run, m.want("bind-port-exhaustion", diagnose.Warning), m.want("port-range-narrow", diagnose.Notice), m.forProfile(BusyClient, Proxy))
	old := m.version() > 0 && m.version() < vista
	if ports != nil && !old {
		m.dynamicRange(ports)
	}
	m.timedWait(first(run, m.want("short-lived-connections", diagnose.Warning), m.forProfile(BusyClient, Proxy)))
	m.userPort(ports, old)
}

// version is the major version of Windows, 0 unknown.
func (m *maker) version() int {
	major, _, _ := strings.Cut(m.in.Snapshot.Machine.Kernel, ".")
	n, err := strconv.Atoi(strings.TrimSpace(major))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (m *maker) byHand(w *want, c Change) {
	c.NetNS, c.Scope, c.Finding = m.ns.Inode, Host, w.id
	m.plan.ByHand = append(m.plan.ByHand, c)
}

func (m *maker) dynamicRange(w *want) {
	now := m.ns.Settings.Ints(dynamicPortsName)
	c := Change{Kind: Netsh, Setting: "dynamicport tcp", To: fmt.Sprintf("%d %d", dynamicStart, dynamicCount), Reason: "dynamicport",
		Values: Values{Need: dynamicCount}}
	if len(now) == 2 {
		if now[1] >= dynamicCount {
			m.left(dynamicPortsName, "range-widest", Values{Capacity: uint64(now[1])})
			return
		}
		c.From, c.Values.Capacity = fmt.Sprintf("%d %d", now[0], now[1]), uint64(max(now[1], 0))
	}
	m.byHand(w, c)
}

// timedWait: a value outside of what is documented goes back; a shorter one is
// planned where TIME_WAIT uses ports up.
func (m *maker) timedWait(w *want) {
	v, set := m.number(timedWaitName)
	c := Change{Kind: Registry, Setting: "TcpTimedWaitDelay", To: fmt.Sprint(timedWaitShort), Reason: "timed-wait"}
	if set {
		c.From = fmt.Sprint(v)
	}
	switch back := m.wayBack(); {
	case set && (v < timedWaitLeast || v > timedWaitMost) && first(w, back) != nil:
		c.Reason, c.Undoes = "timed-wait-back", true
		m.byHand(first(w, back), c)
	case w != nil && (!set || v > timedWaitShort):
		m.byHand(w, c)
	case set:
		m.left(timedWaitName, "timed-wait-right", Values{})
	}
}

// userPort: MaxUserPort is the range of Windows XP and Server 2003, and of no later one.
func (m *maker) userPort(w *want, old bool) {
	v, set := m.number(maxUserPortName)
	c := Change{Kind: Registry, Setting: "MaxUserPort"}
	if set {
		c.From = fmt.Sprint(v)
	}
	switch back := m.wayBack(); {
	case old && w != nil && (!set || v < userPortMost):
		c.To = fmt.Sprint(userPortMost)
		c.Reason = "max-user-port"
		m.byHand(w, c)
	case old && set:
		m.left(maxUserPortName, "large-enough", Values{Capacity: uint64(max(v, 0))})
	case set && m.version() >= vista && back != nil:
		c.Reason, c.Undoes = "max-user-port-back", true // To "": the value is removed
		m.byHand(back, c)
	case set:
		m.left(maxUserPortName, "max-user-port-old", Values{})
	}
}
