package diagnose

import (
	"net/netip"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// A paste may hold texts of several machines: an article that shows Windows and Linux, a
// client's table and its server's, a log of one and the sockets of the other. They are
// judged together all the same, for one cannot tell them apart; but that is said, and
// what one system logs is not looked for in the table of another.

// family is a system's, as far as commands and words go.
func family(os string) string {
	switch os {
	case "darwin", "freebsd", "openbsd", "netbsd":
		return "bsd"
	}
	return os
}

// foreign reports whether a message was logged by another system than the one whose
// sockets the text lists.
func (x *examination) foreign(sym *host.Symptom) bool {
	table := x.now.Machine.OS
	return x.pasted() && len(x.now.Sockets) > 0 && sym.OS != "" && table != "" && family(sym.OS) != family(table)
}

// systemOfMessage is the system that a message was logged by.
func (x *examination) systemOfMessage(sym *host.Symptom) string {
	if x.foreign(sym) {
		return sym.OS
	}
	return x.os
}

// estranged says that texts exclude each other, if they do.
func (x *examination) estranged() {
	if !x.pasted() {
		return
	}
	for i := range x.told {
		if sym := &x.told[i]; sym.Count > 0 && x.foreign(sym) {
			x.leftOut = append(x.leftOut, host.BlindSpot{Code: "paste-log-elsewhere", Subject: host.SystemName(sym.OS), Count: 1})
			break
		}
	}
	switch a, b, two := x.twoHosts(); {
	case x.now.Machine.OS == "windows" && x.unlikeWindows():
		x.leftOut = append(x.leftOut, host.BlindSpot{Code: "paste-two-systems", Count: 1})
	case two:
		x.leftOut = append(x.leftOut, host.BlindSpot{Code: "paste-two-hosts", Subject: a.String() + ", " + b.String(), Count: 1})
	}
}

// unlikeWindows reports whether sockets have what no list of Windows' tells.
func (x *examination) unlikeWindows() bool {
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.Inode != 0 || sk.Timer.Kind != tcp.TimerOff || sk.RecvQ != 0 || sk.SendQ != 0 {
			return true
		}
	}
	return false
}

// localsMost bounds the addresses that are compared; a machine has few.
const localsMost = 4096

// twoHosts finds a connection from one local address to another one: a machine that
// connects to an address of its own uses it as the source, too (RFC 6724, section 5,
// rule 1), so these two are of different machines.
func (x *examination) twoHosts() (a, b netip.Addr, two bool) {
	locals := map[netip.Addr]bool{}
	var last netip.Addr
	for i := range x.now.Sockets {
		if at := x.now.Sockets[i].Local.Addr(); at != last && aHost(at) && len(locals) < localsMost {
			locals[at], last = true, at
		}
	}
	if len(locals) < 2 {
		return a, b, false
	}
	for i := range x.now.Sockets {
		a, b = x.now.Sockets[i].Local.Addr(), x.now.Sockets[i].Remote.Addr()
		if a != b && aHost(a) && locals[b] && a.Is4() == b.Is4() {
			return a, b, true
		}
	}
	return a, b, false
}

// aHost: an address that one machine alone has, as far as anybody can tell.
func aHost(at netip.Addr) bool {
	return at.IsValid() && !at.IsUnspecified() && !at.IsLoopback() && !at.IsLinkLocalUnicast() && !isName(at)
}
