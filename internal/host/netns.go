package host

import (
	"net/netip"
	"strconv"
	"strings"
)

// NetNS is a network namespace: its own ports, settings and counters.
type NetNS struct {
	Inode uint64
	Name  string // from /run/netns, "" when it has none
	PID   int32  // a process that lives in it, 0 when none does
	Self  bool   // the one Sockeye was started in

	Settings Settings
	Counters Counters

	InUse    Opt // sockstat TCP inuse (v4) + sockstat6 TCP6 inuse: sockets with a file or a timer
	TimeWait Opt // sockstat TCP tw: TIME_WAIT and FIN_WAIT_2 mini-sockets
	UDPInUse Opt // sockstat UDP inuse + UDP6 inuse

	ConntrackCount Opt               // entries; the maximum is a setting (net.netfilter.nf_conntrack_max)
	Tracked        map[string]uint64 // entries by the state that connection tracking thinks they are in; nil when nobody listed them

	Addrs      []netip.Addr      // addresses of its interfaces; nil when not read
	Interfaces map[uint32]string // names by index; nil when no socket is bound to one, or not readable
}

// Opt is a number that may be unknown.
type Opt struct {
	Value uint64
	Known bool
}

// Some makes a known Opt.
func Some(v uint64) Opt { return Opt{v, true} }

// Counters are a namespace's event counts since it was made, by nstat's names
// ("TcpExtListenOverflows", "TcpActiveOpens"): only a difference between two
// snapshots is evidence.
type Counters map[string]uint64

// Settings are system settings as text, by sysctl name with dots
// ("net.ipv4.ip_local_port_range"). Absent means not readable or not existing.
type Settings map[string]string

// Int returns a setting as a number; ok is false when it is absent or is none.
func (s Settings) Int(name string) (v int64, ok bool) {
	text, told := s[name]
	if !told { // asked of every socket, and an error costs an allocation
		return 0, false
	}
	v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return v, err == nil
}

// Ints returns a setting that holds several numbers, nil when one of them is none.
func (s Settings) Ints(name string) []int64 {
	fields := strings.Fields(s[name])
	out := make([]int64, 0, len(fields))
	for _, f := range fields {
		v, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

// Ports is a set of port numbers.
type Ports struct{ bits [1 << 16 / 64]uint64 }

// Add puts a port into the set.
func (p *Ports) Add(port uint16) { p.bits[port/64] |= 1 << (port % 64) }

// Has reports whether the port is in the set.
func (p *Ports) Has(port uint16) bool { return p.bits[port/64]&(1<<(port%64)) != 0 }

// PortRange returns the bounds of net.ipv4.ip_local_port_range, both inclusive;
// the setting serves IPv6 as well. ok is false when it is absent or malformed.
func (s Settings) PortRange() (low, high uint16, ok bool) {
	v := s.Ints("net.ipv4.ip_local_port_range")
	if len(v) != 2 || v[0] < 1 || v[1] > 65535 || v[0] > v[1] {
		return 0, 0, false
	}
	return uint16(v[0]), uint16(v[1]), true
}

// ReservedPorts reads net.ipv4.ip_local_reserved_ports ("8080,9148-9150").
// Parts that are not port numbers are skipped: the kernel never prints any.
func (s Settings) ReservedPorts() *Ports {
	var set Ports
	for part := range strings.SplitSeq(strings.TrimSpace(s["net.ipv4.ip_local_reserved_ports"]), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
		b, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
		if err1 != nil || err2 != nil {
			continue
		}
		for p := a; p <= b; p++ {
			set.Add(uint16(p))
		}
	}
	return &set
}
