package tune

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Windows has other settings, which stand in Plan.ByHand. Bounds are Microsoft's:
// TcpTimedWaitDelay from 30 to 300 seconds, a dynamic range of 255 ports at least
// that begins at 1025 or above (https://github.com/MicrosoftDocs/SupportArticles-docs,
// tcp-ip-port-exhaustion-troubleshooting.md).
const (
	dynamicPortsName  = "windows.dynamicport.ipv4.tcp"       // "49152 16384": first, and how many
	excludedPortsName = "windows.excludedportrange.ipv4.tcp" // "5040-5040,50000-50059"
	autoReuseName     = "windows.autoreuseportrange.tcp"     // as dynamicPortsName
	timedWaitName     = "windows.TcpTimedWaitDelay"
	maxUserPortName   = "windows.MaxUserPort"

	dynamicStart, dynamicCount = 10000, 55536
	dynamicShipped             = 49152 // up to 65535, since Vista
	timedWaitLeast             = 30
	timedWaitMost              = 300
	timedWaitShort             = 60 // proposed: half of what Windows does by itself
	userPortMost               = 65534
	vista                      = 6  // the first version with a dynamic range; Server 2003 is 5.2
	windows10                  = 10 // and Server 2016: the first with an auto-reuse range
)

// windows plans for Windows.
func (m *maker) windows() {
	run := m.want("port-exhaustion", diagnose.Warning)
	ports := first(run, m.want("bind-port-exhaustion", diagnose.Warning), m.want("port-range-narrow", diagnose.Notice), m.forProfile(BusyClient, Proxy))
	old := m.version() > 0 && m.version() < vista
	if ports != nil && !old {
		wider := m.dynamicRange(ports)
		m.autoReuse(first(run, m.forProfile(BusyClient, Proxy)), wider)
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

// dynamicRange plans the range of which all outgoing connections take their ports,
// and reports whether it can still be made wider.
func (m *maker) dynamicRange(w *want) (wider bool) {
	now := m.ns.Settings.Ints(dynamicPortsName)
	c := Change{Kind: Netsh, Setting: "dynamicport tcp", To: fmt.Sprintf("%d %d", dynamicStart, dynamicCount), Reason: "dynamicport",
		Values: Values{Need: dynamicCount}}
	from := int64(dynamicShipped)
	if len(now) == 2 {
		if now[1] >= dynamicCount {
			m.left(dynamicPortsName, "range-widest", Values{Capacity: uint64(now[1])})
			return false
		}
		from = now[0]
		c.From, c.Values.Capacity = fmt.Sprintf("%d %d", now[0], now[1]), uint64(max(now[1], 0))
	}
	m.exclude(w, from)
	m.byHand(w, c)
	return true
}

// exclude keeps the ports of services out of a range that is made to reach them:
// before it is. from is where the range begins now.
func (m *maker) exclude(w *want, from int64) {
	had := host.Settings{reservedName: m.ns.Settings[excludedPortsName]}.ReservedPorts()
	var fresh host.Ports
	for i := range m.in.Snapshot.Sockets {
		sk := &m.in.Snapshot.Sockets[i]
		p := sk.Local.Port()
		if sk.NetNS == m.ns.Inode && sk.State == tcp.Listen && p >= dynamicStart && int64(p) < from && !had.Has(p) {
			fresh.Add(p)
		}
	}
	list := portList(&fresh)
	if list == "" {
		return
	}
	for _, part := range strings.Split(list, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		a, _ := strconv.Atoi(first)
		b, _ := strconv.Atoi(last)
		m.byHand(w, Change{Kind: Netsh, Setting: "excludedportrange tcp", To: fmt.Sprintf("%d %d", a, b-a+1), Reason: "exclude-ports", Values: Values{Ports: part}})
	}
}

// autoReuse plans the range of which connect() takes ports that it may share between
// destinations: as long as there is none, each port of the dynamic range serves one
// connection, whatever the destination (Microsoft, Get-NetTCPSetting,
// AutoReusePortRangeNumberOfPorts). A wider dynamic range is the smaller change.
func (m *maker) autoReuse(w *want, wider bool) {
	now := m.ns.Settings.Ints(autoReuseName)
	set := len(now) == 2 && now[1] > 0
	switch {
	case w == nil || m.version() > 0 && m.version() < windows10:
	case set:
		m.left(autoReuseName, "right", Values{})
	case !w.asIf && !m.manyDestinations():
		m.left(autoReuseName, "auto-reuse-one", Values{})
	case wider:
		m.left(autoReuseName, "auto-reuse-next", Values{})
	default:
		m.byHand(w, Change{Kind: NetTCP, Setting: "autoreuseportrange tcp", To: fmt.Sprintf("%d %d", dynamicStart, dynamicCount), Reason: "auto-reuse", Values: Values{Need: dynamicCount}})
	}
}

// manyDestinations reports whether no destination has half of the connections.
func (m *maker) manyDestinations() bool {
	to, total, most := map[netip.AddrPort]int{}, 0, 0
	for i := range m.in.Snapshot.Sockets {
		sk := &m.in.Snapshot.Sockets[i]
		if sk.NetNS != m.ns.Inode || sk.State == tcp.Listen || !sk.Remote.IsValid() || sk.Remote.Port() == 0 {
			continue
		}
		total++
		to[sk.Remote]++
		most = max(most, to[sk.Remote])
	}
	return total > 0 && most*2 < total
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
