package act

import (
	"net/netip"
	"strconv"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Guard knows what must not be hit by accident. It is read-only once it has learnt.
type Guard struct {
	self    int32
	family  map[int32]bool    // the ancestors, process 1 left out
	session map[pair]struct{} // of SSH_CONNECTION, either way round
	clients []client          // of SSH_CLIENT, which tells less
	ends    map[pair]Why      // of connections that family, self, viewers and sshd hold, either way round
	inside  bool              // of tmux or the like: whoever looks at it came another way than the environment says
	viewers map[int32]bool    // whom tmux or the like may be shown through: its clients and their ancestors
	users   map[uint32]bool   // of self and of the ancestors
}

// pair is a connection as one of its ends has it. The network namespace is left
// out: the other end may be in another one, and sparing too much harms nobody.
type pair struct{ local, remote netip.AddrPort }

// client is the far end of an SSH connection, and the port here.
type client struct {
	remote netip.AddrPort
	port   uint16
}

func newGuard(self int32, ancestors []int32, environments [][]string) *Guard {
	g := &Guard{self: self, family: map[int32]bool{}, session: map[pair]struct{}{}, ends: map[pair]Why{}, users: map[uint32]bool{}}
	for _, pid := range ancestors {
		if pid > 1 {
			g.family[pid] = true
		}
	}
	for _, env := range environments {
		for _, variable := range env {
			g.note(variable)
		}
	}
	return g
}

// note takes an SSH connection from an environment variable, as sshd(8) sets it:
// SSH_CONNECTION "client port server port", SSH_CLIENT "client port port".
func (g *Guard) note(variable string) {
	name, text, _ := strings.Cut(variable, "=")
	for _, m := range multiplexers {
		g.inside = g.inside || m.setBy(variable)
	}
	if name != "SSH_CONNECTION" && name != "SSH_CLIENT" {
		return
	}
	f := strings.Fields(text)
	switch {
	case name == "SSH_CONNECTION" && len(f) == 4:
		remote, ok1 := endOf(f[0], f[1])
		local, ok2 := endOf(f[2], f[3])
		if ok1 && ok2 {
			g.session[pair{local, remote}] = struct{}{}
			g.session[pair{remote, local}] = struct{}{}
		}
	case name == "SSH_CLIENT" && len(f) == 3:
		remote, ok1 := endOf(f[0], f[1])
		here, ok2 := endOf("::", f[2])
		if ok1 && ok2 {
			g.clients = append(g.clients, client{remote, here.Port()})
		}
	}
}

func endOf(addr, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return plain(netip.AddrPortFrom(a, uint16(n))), err == nil
}

// plain leaves out the zone, which different sources write differently.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func pairOf(s *tcp.Socket) pair { return pair{plain(s.Local), plain(s.Remote)} }

// Learn lets the guard know the machine's sockets: what it or an ancestor is
// connected with is spared at its other end too. Inside of tmux and the like every
// SSH connection of this user may be the one that is typed over.
func (g *Guard) Learn(sn *host.Snapshot) {
	for i := range sn.Sockets {
		s := &sn.Sockets[i]
		if !s.State.Connected() {
			continue
		}
		owners := sn.Owners(s)
		why := g.held(owners)
		if why == Init || why == NoReason {
			why = NoReason
			if g.inside && g.bySSH(sn, owners) {
				why = Screen
			}
		}
		if p := pairOf(s); rank(why) > rank(g.ends[p]) {
			g.ends[p], g.ends[pair{p.remote, p.local}] = why, why
		}
	}
}

// rank orders what is told of a connection that has several reasons.
func rank(why Why) int {
	switch why {
	case NoReason:
		return 0
	case Screen:
		return 1
	case Viewer:
		return 2
	}
	return 3
}

// bySSH reports whether sshd holds a socket for a user of ours. Two of its processes
// do, one of them root's: the other one's user is whose session it is.
func (g *Guard) bySSH(sn *host.Snapshot, owners []int32) bool {
	found, user := false, uint32(0)
	for _, pid := range owners {
		p := sn.Processes[pid]
		if p != nil && (p.Name == "sshd" || p.Name == "sshd-session") {
			found, user = true, max(user, p.UID)
		}
	}
	return found && g.users[user]
}

// held judges by who holds it.
func (g *Guard) held(owners []int32) Why {
	worst := NoReason
	for _, pid := range owners {
		switch {
		case pid == g.self:
			return Own
		case g.family[pid]:
			worst = Ancestor
		case g.viewers[pid] && worst != Ancestor:
			worst = Viewer
		case pid == 1 && worst == NoReason:
			worst = Init
		}
	}
	return worst
}

// Socket says why a socket is protected; NoReason when it is not. With listeners
// those are asked for, and are not spared for being some.
func (g *Guard) Socket(s *tcp.Socket, owners []int32, listeners bool) Why {
	p := pairOf(s)
	if _, ok := g.session[p]; ok {
		return Session
	}
	for _, c := range g.clients {
		if p.remote == c.remote && p.local.Port() == c.port || p.local == c.remote && p.remote.Port() == c.port {
			return Session
		}
	}
	if why := g.held(owners); why != NoReason {
		return why
	}
	if why := g.ends[p]; why != NoReason && s.State.Connected() {
		return why
	}
	for _, end := range []netip.AddrPort{p.local, p.remote} {
		if end.Port() == 53 && end.Addr().IsLoopback() {
			return DNS
		}
	}
	switch {
	case s.Inode != 0 && len(owners) == 0: // the kernel's own (NFS), or from outside of this pid namespace
		return Unseen
	case s.State == tcp.Listen && !listeners:
		return Listener
	}
	return NoReason
}

// Process says why a process is protected; NoReason when it is not.
func (g *Guard) Process(p *host.Process) Why {
	switch {
	case p.PID == 1:
		return Init
	case p.PID == g.self:
		return Own
	case g.family[p.PID]:
		return Ancestor
	case kernelThread(p.PID):
		return Kernel
	case p.StartTicks == 0:
		return NoIdentity
	}
	return NoReason
}

// Possible says why the kernel could not destroy a socket, whoever asks: without a
// cookie it might be another one by then, and the lookup that comes first knows
// neither sockets that are only bound nor those that are closed.
func Possible(s *tcp.Socket) Why {
	switch {
	case s.State == tcp.Bound || s.State == tcp.Closed || s.State == tcp.Unknown:
		return NoLookup
	case s.Cookie == 0 || s.NetNS == 0:
		return NoIdentity
	}
	return NoReason
}
