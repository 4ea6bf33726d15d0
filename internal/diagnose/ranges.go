package diagnose

import (
	"strconv"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// rangeSource says where the range of local ports is known from.
type rangeSource uint8

const (
	rangeUnknown    rangeSource = iota
	rangeOfLinux                // net.ipv4.ip_local_port_range
	rangeOfWindows              // netsh int ipv4 show dynamicport tcp
	rangeOfRegistry             // MaxUserPort, of Windows before Vista
	rangeOfBSD                  // net.inet.ip.portrange.first and .last
	rangeAssumed                // the system's default: the text does not tell
	rangeSeen                   // ports outside of the default are in use: it reaches as far as they do
)

var rangeSources = [...]string{"", "/proc/sys/net/ipv4/ip_local_port_range", "netsh dynamicport", registryTCP + `\MaxUserPort`, "net.inet.ip.portrange", "default", "text"}

// String is the source that evidence names.
func (r rangeSource) String() string { return rangeSources[r] }

// defaultRanges are what systems hand out unless told otherwise. Linux:
// ip-sysctl.rst; Windows since Vista: 16,384 ports from 49152 (Microsoft's
// article on port exhaustion); macOS the same (net.inet.ip.portrange); FreeBSD:
// IPPORT_EPHEMERALFIRST and LAST of netinet/in.h.
var defaultRanges = map[string][2]uint16{
	"linux": {defaultLow, defaultHigh}, "windows": {49152, 65535}, "darwin": {49152, 65535}, "freebsd": {10000, 65535},
}

// portRange tells the ports that connect() takes local ones from. assume allows
// the default of the system where no setting is known.
func portRange(set host.Settings, m *host.Machine, os string, assume bool) (low, high uint16, by rangeSource) {
	switch os {
	case "windows":
		if v := set.Ints(dynamicPorts + "ipv4.tcp"); len(v) == 2 && v[0] > 0 && v[1] > 0 && v[0] <= 65535 {
			return uint16(v[0]), uint16(min(v[0]+v[1]-1, 65535)), rangeOfWindows
		}
		if beforeVista(m) {
			switch low, high, told := userPorts(set); {
			case told:
				return low, high, rangeOfRegistry
			case assume:
				return low, high, rangeAssumed
			}
			return 0, 0, rangeUnknown
		}
	case "darwin", "freebsd":
		first, ok1 := set.Int("net.inet.ip.portrange.first")
		last, ok2 := set.Int("net.inet.ip.portrange.last")
		if first > last {
			first, last = last, first // "may be greater" in ip(4): it is walked downwards then
		}
		if ok1 && ok2 && first > 0 && last <= 65535 {
			return uint16(first), uint16(last), rangeOfBSD
		}
	default:
		if low, high, ok := set.PortRange(); ok {
			return low, high, rangeOfLinux
		}
	}
	if r, known := defaultRanges[os]; known && assume {
		return r[0], r[1], rangeAssumed
	}
	return 0, 0, rangeUnknown
}

// Settings of Windows under the names that a pasted text's reader gives them.
const (
	dynamicPorts  = "windows.dynamicport."       // + "ipv4.tcp": "49152 16384", first and how many
	excludedPorts = "windows.excludedportrange." // + "ipv4.tcp": "5000-5059,50000-50059"
	closeDelay    = "windows.TcpTimedWaitDelay"  // seconds
)

// reservedPorts are those that nobody is given who does not name them.
func reservedPorts(set host.Settings, os string) *host.Ports {
	if os == "windows" {
		return (host.Settings{"net.ipv4.ip_local_reserved_ports": set[excludedPorts+"ipv4.tcp"]}).ReservedPorts()
	}
	return set.ReservedPorts()
}

// widenLeast is how many ports outside of an assumed range must be in use by
// outgoing connections to disprove it: a program that binds its own has few.
const widenLeast = 200

// oldDynamicPorts are those of Windows before Vista: up to 5000 (MaxUserPort).
var oldDynamicPorts = [2]uint16{1025, 5000}

// blockShare is how many ports of a block are in use that may be a range which is
// used up.
const blockShare = 0.95

// widen takes an assumed range that the connections disprove for wider. How wide it
// is they do not tell: connect() hands out ports to one destination one after the
// other, from a place that hangs on the destination (inet_sk_port_offset and
// table_perturb, net/ipv4/inet_hashtables.c, v6.18), and 700 of them may lie
// together in a range of 50,000. A block without gaps may be a range that is full,
// since odd ports are handed out when the even ones are gone; before Linux 4.2
// (07f4c90062f8) it may also be the latest part of a larger one.
func (s *space) widen(socks []tcp.Socket) {
	if s.rangeBy != rangeAssumed {
		return
	}
	inside, outside, low, high := s.portsInUse(socks)
	block := float64(inside+outside) >= blockShare*float64(int(high)-int(low)+1)
	switch full := float64(inside) >= portsFull*float64(s.rangePorts); {
	case outside < widenLeast, full && !block: // the default is used up, and other ports were bound by programs
		return
	case s.os == "linux" && block:
		s.low, s.high = low, high
	case s.os == "windows" && low >= oldDynamicPorts[0] && high <= oldDynamicPorts[1]:
		s.low, s.high = oldDynamicPorts[0], oldDynamicPorts[1]
	default:
		s.low, s.high = min(s.low, low), max(s.high, high)
	}
	s.rangeBy = rangeSeen
	s.countRange()
}

// portsInUse counts the local ports of outgoing connections inside and outside of
// the range that is assumed, and finds the lowest and the highest.
func (s *space) portsInUse(socks []tcp.Socket) (inside, outside int, low, high uint16) {
	var atLocal, atRemote [65536]uint32 // sockets by their ports
	for i := range socks {
		if sk := &socks[i]; sk.NetNS == s.ns.Inode && sk.State.Connected() {
			atLocal[sk.Local.Port()]++
			atRemote[sk.Remote.Port()]++
		}
	}
	// A service has the lower port, or one that many have in common.
	outward := func(local, remote uint16) bool {
		return remote < min(local, s.low) || atRemote[remote] >= widenLeast && atRemote[remote] >= 10*atLocal[local]
	}
	var seen host.Ports
	low = 65535
	for i := range socks {
		sk := &socks[i]
		local, remote := sk.Local.Port(), sk.Remote.Port()
		if sk.NetNS != s.ns.Inode || !sk.State.Connected() || local < firstFree || seen.Has(local) ||
			remote == 0 || !outward(local, remote) || s.listens(sk.Local) {
			continue
		}
		seen.Add(local)
		low, high = min(low, local), max(high, local)
		if s.ephemeral(local) {
			inside++
		} else {
			outside++
		}
	}
	return inside, outside, low, high
}

// sharesPorts reports whether this system gives a local port to one connection
// at a time whatever its destination: Windows' wildcard ports (Microsoft,
// SO_REUSE_UNICASTPORT) and macOS. Linux counts per destination.
func (s *space) sharesPorts() bool { return s.os == "windows" || s.os == "darwin" }

// timeWaitSeconds is how long TIME_WAIT lasts on a system, "" unknown. Windows:
// 120 s unless set, older texts say 240 (Microsoft's sources disagree); BSD: 2 × msl.
func (s *space) timeWaitSeconds() (seconds int64, set bool) {
	switch s.os {
	case "linux":
		return int64(tcp.TimeWaitLen.Seconds()), true
	case "windows":
		// Below 30 and above 300 the registry's value is not valid.
		if v, ok := s.ns.Settings.Int(closeDelay); ok && v >= 30 && v <= 300 {
			return v, true
		}
		return 120, false
	case "darwin", "freebsd":
		if v, ok := s.ns.Settings.Int("net.inet.tcp.msl"); ok && v > 0 && v < 1e7 {
			return (2*v + 999) / 1000, true
		}
		if s.os == "darwin" {
			return 30, false
		}
		return 60, false
	}
	return 0, false
}

// systemOf tells which system was looked at: what the snapshot says, else what
// its settings are called, else what the messages of the log agree on.
func systemOf(in Input) string {
	switch m := in.Now.Machine; {
	case m.OS != "":
		return m.OS
	case in.Now.Source.Kind != host.Paste:
		return "linux"
	}
	for _, ns := range in.Now.Namespaces {
		for name := range ns.Settings {
			switch first, _, _ := strings.Cut(name, "."); {
			case first == "windows":
				return "windows"
			case strings.HasPrefix(name, "net.ipv4."), first == "fs":
				return "linux"
			}
		}
	}
	os := ""
	for _, s := range in.Symptoms {
		switch {
		case s.OS == "" || s.OS == os:
		case os == "":
			os = s.OS
		default:
			return ""
		}
	}
	return os
}

// rangeText writes a range as the setting that is assumed would have it.
func (s *space) rangeText() string {
	low, high := strconv.Itoa(int(s.low)), strconv.Itoa(int(s.high))
	switch s.os {
	case "windows":
		if s.high == oldDynamicPorts[1] {
			return "MaxUserPort " + high
		}
		return "dynamicport tcp " + low + "–" + high
	case "darwin", "freebsd":
		return "net.inet.ip.portrange " + low + "–" + high
	}
	return "net.ipv4.ip_local_port_range = " + low + " " + high
}
