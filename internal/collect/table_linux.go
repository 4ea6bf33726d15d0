package collect

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// source reads TCP tables. It may be used by two threads at once.
type source interface {
	name() string
	// read appends the TCP sockets of the network namespace that the calling
	// thread is in. After an error the table holds rubbish.
	read(ctx context.Context, t *table) error
	close()
}

// bufferSize of every read: no source hands out more at once.
const bufferSize = 256 << 10

// table is the TCP sockets of one namespace while they are being read.
type table struct {
	netns   uint64
	noInfo  bool
	sockets []tcp.Socket
	info    tcp.Info   // of the socket that is being decoded
	infos   []tcp.Info // spare room, handed out one by one
	buf     []byte     // of bufferSize, the reading thread's own
}

// infoSlab is how many tcp.Info are allocated at once, at most: 200,000 single
// ones would cost more time than reading them.
const infoSlab = 512

// add appends a socket and, where it has been measured, a copy of t.info.
func (t *table) add(s *tcp.Socket, measured bool) {
	s.NetNS = t.netns
	if measured && !t.noInfo {
		if len(t.infos) == 0 {
			t.infos = make([]tcp.Info, min(infoSlab, len(t.sockets)+8))
		}
		s.Info, t.infos = &t.infos[0], t.infos[1:]
		*s.Info = t.info
	}
	t.sockets = append(t.sockets, *s)
}

// row is one line of any source before it becomes a tcp.Socket: the parts that
// every source has to treat alike.
type row struct {
	family       uint16
	laddr, raddr [16]byte // network byte order; AF_INET: the first four
	lport, rport uint16
}

// place fills in what follows from the addresses and the state, so that every
// source gives the same socket: s must have everything else.
func (r *row) place(s *tcp.Socket) {
	local, mapped1 := address(r.family, &r.laddr, s.Iface)
	remote, mapped2 := address(r.family, &r.raddr, s.Iface)
	s.V4Mapped = mapped1 || mapped2
	s.Local = netip.AddrPortFrom(local, r.lport)
	s.Remote = netip.AddrPortFrom(remote, r.rport)
	if !s.State.Connected() && (r.rport == 0 || s.State == tcp.Listen || s.State == tcp.Bound) {
		s.Remote = netip.AddrPort{}
	}
	if s.Inode == 0 {
		s.UID = 0 // of a listener or of nobody, depending on the source
	}
}

// finishing reports whether a socket without a file in this state can only be
// one that its program closed. In ESTABLISHED and CLOSE_WAIT it was never
// accepted, and in LISTEN the kernel itself listens.
func finishing(s tcp.State) bool {
	switch s {
	case tcp.FinWait1, tcp.FinWait2, tcp.LastAck, tcp.Closing:
		return true
	}
	return false
}

// measured reports whether struct tcp_info of a socket in this state says
// something. Before the handshake is done nothing was measured: the kernel then
// gives times since it booted and a round trip of 0.
func measured(s tcp.State) bool {
	switch s {
	case tcp.SynSent, tcp.SynReceived, tcp.NewSynRecv, tcp.TimeWait:
		return false
	}
	return s.Connected()
}

// address reads an address of the kernel. A link-local one gets the interface
// that the socket is bound to as its zone, by number.
func address(family uint16, raw *[16]byte, iface uint32) (a netip.Addr, v4mapped bool) {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(raw[:4])), false
	}
	a = netip.AddrFrom16(*raw)
	if a.Is4In6() {
		return a.Unmap(), true
	}
	if iface != 0 && a.IsLinkLocalUnicast() {
		a = a.WithZone(strconv.FormatUint(uint64(iface), 10))
	}
	return a, false
}

// port turns a port that was read in the machine's byte order from network
// order into its number.
func port(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
