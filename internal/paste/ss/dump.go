package ss

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// The file of ss -D holds the kernel's netlink messages as they came, each begun
// on a multiple of four bytes, in the byte order of the machine
// (rtnl_dump_filter of iproute2's lib/libnetlink.c). Of
// include/uapi/linux/{netlink,sock_diag,inet_diag}.h, v6.18.
const (
	dumpHeader    = 16 // struct nlmsghdr
	dumpDone      = 3  // NLMSG_DONE
	dumpFlawed    = 2  // NLMSG_ERROR
	dumpTCP       = 18 // TCPDIAG_GETSOCK, which kernels before 3.3 answered
	dumpFamily    = 20 // SOCK_DIAG_BY_FAMILY
	dumpMessage   = 72 // struct inet_diag_msg
	dumpInfo      = 2  // INET_DIAG_INFO
	dumpMark      = 15 // INET_DIAG_MARK
	dumpINET      = 2
	dumpINET6     = 10
	dumpSizeMax   = 1 << 20 // of one message: the kernel's are below 64 KiB
	dumpMulti     = 2       // NLM_F_MULTI
	dumpInterrupt = 16      // NLM_F_DUMP_INTR
)

var errDump = errors.New("not a dump of ss -D")

// DumpOrder recognises a dump by its first bytes, 20 of them or more, and tells
// its byte order; nil when it is none.
func DumpOrder(head []byte) binary.ByteOrder {
	if len(head) < dumpHeader+2 {
		return nil
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		size, kind, flags := o.Uint32(head), o.Uint16(head[4:]), o.Uint16(head[6:])
		switch {
		case flags&dumpMulti == 0 || flags >= 1<<8:
		case kind == dumpDone && size == dumpHeader+4:
			return o // one family has no sockets
		case (kind == dumpFamily || kind == dumpTCP) && size >= dumpHeader+dumpMessage && size <= dumpSizeMax &&
			(head[16] == dumpINET || head[16] == dumpINET6) && head[17] > 0 && head[17] < tcp.NumStates:
			return o
		}
	}
	return nil
}

// ReadDump reads the file of ss -D to its end. What came before an error, which
// is the reader's or says what is wrong at which byte, is in b.
func ReadDump(r io.Reader, b *form.Builder) error {
	in := bufio.NewReaderSize(r, 256<<10)
	head, _ := in.Peek(dumpHeader + 4) // an error comes again
	order := DumpOrder(head)
	if order == nil {
		return errDump
	}
	b.OS("linux")
	d := dump{order: order, into: b}
	for {
		err := d.message(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("ss -D: message at byte %d: %w", d.at, err)
		}
	}
	if d.interrupted {
		b.Cannot("dump-interrupted", "ss -D")
	}
	return nil
}

// dump is a file that is being read.
type dump struct {
	order       binary.ByteOrder
	into        *form.Builder
	buf         []byte
	infos       []tcp.Info
	at          int64 // where the message begins
	interrupted bool
}

// message reads one message and what fills it up to four bytes.
func (d *dump) message(in *bufio.Reader) error {
	var header [dumpHeader]byte
	if n, err := io.ReadFull(in, header[:]); err != nil {
		if n == 0 {
			return io.EOF
		}
		return cutShort(err)
	}
	size := int(d.order.Uint32(header[:]))
	if size < dumpHeader || size > dumpSizeMax {
		return fmt.Errorf("it says that it has %d bytes", uint32(size))
	}
	payload := size - dumpHeader
	if room := (payload + 3) &^ 3; room > cap(d.buf) {
		d.buf = make([]byte, room)
	}
	body := d.buf[:payload]
	if _, err := io.ReadFull(in, body); err != nil {
		return cutShort(err)
	}
	if _, err := in.Discard((4 - size%4) % 4); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	kind, flags := d.order.Uint16(header[4:]), d.order.Uint16(header[6:])
	d.interrupted = d.interrupted || flags&dumpInterrupt != 0
	if kind == dumpFamily || kind == dumpTCP {
		if err := d.socket(body); err != nil {
			return err
		}
	} else if kind == dumpFlawed && len(body) >= 4 && d.order.Uint32(body) != 0 {
		return fmt.Errorf("the kernel answered with error %d", -int32(d.order.Uint32(body)))
	}
	d.at += int64((size + 3) &^ 3)
	return nil
}

// cutShort: the end of a file within a message is never a good one.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// socket reads struct inet_diag_msg and its attributes. Addresses and ports are
// in network order whatever the machine's is.
func (d *dump) socket(b []byte) error {
	if len(b) < dumpMessage {
		return fmt.Errorf("struct inet_diag_msg of %d bytes, want %d", len(b), dumpMessage)
	}
	if b[0] != dumpINET && b[0] != dumpINET6 {
		return fmt.Errorf("a socket of address family %d", b[0])
	}
	o := d.order
	s := tcp.Socket{
		State: tcp.State(b[1]),
		Timer: tcp.Timer{Kind: dumpTimer(b[2]), Retries: b[3], Expires: time.Duration(o.Uint32(b[52:])) * time.Millisecond},
		Iface: o.Uint32(b[40:]),
		// Two words, the lower first whatever the byte order: sock_diag_save_cookie.
		Cookie: uint64(o.Uint32(b[44:])) | uint64(o.Uint32(b[48:]))<<32,
		RecvQ:  o.Uint32(b[56:]), SendQ: o.Uint32(b[60:]),
		Inode: uint64(o.Uint32(b[68:])),
	}
	if s.Inode != 0 {
		s.UID = o.Uint32(b[64:])
	}
	local, mapped1 := dumpAddr(b[0], b[8:24], s.Iface)
	remote, mapped2 := dumpAddr(b[0], b[24:40], s.Iface)
	s.V4Mapped = mapped1 || mapped2
	s.Local = netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:]))
	switch {
	case s.State == tcp.Unknown || s.State >= tcp.NumStates:
		return fmt.Errorf("a socket in TCP state %d", b[1])
	case s.State == tcp.NewSynRecv:
		s.State = tcp.SynReceived
	case s.State == tcp.Closed && s.Local.Port() != 0:
		s.State = tcp.Bound
	}
	if s.State == tcp.Bound {
		s.Port, s.RecvQ, s.SendQ = tcp.PortBound, 0, 0
	}
	if rport := binary.BigEndian.Uint16(b[6:]); s.State.Connected() || s.State == tcp.Closed && rport != 0 {
		s.Remote = netip.AddrPortFrom(remote, rport)
	}
	s.Orphan = s.Inode == 0 && finishing(s.State)
	if err := d.attributes(b[dumpMessage:], &s); err != nil {
		return err
	}
	d.into.Socket(s)
	return nil
}

func dumpTimer(kind byte) tcp.TimerKind {
	if tcp.TimerKind(kind) > tcp.TimerPersist {
		return tcp.TimerOff
	}
	return tcp.TimerKind(kind)
}

// dumpAddr: a link-local address has the interface that the socket is bound to as
// its zone, by number.
func dumpAddr(family byte, raw []byte, iface uint32) (a netip.Addr, mapped bool) {
	if family == dumpINET {
		return netip.AddrFrom4([4]byte(raw)), false
	}
	a = netip.AddrFrom16([16]byte(raw))
	if a.Is4In6() {
		return a.Unmap(), true
	}
	if iface != 0 && a.IsLinkLocalUnicast() {
		a = a.WithZone(strconv.FormatUint(uint64(iface), 10))
	}
	return a, false
}

func (d *dump) attributes(b []byte, s *tcp.Socket) error {
	for len(b) >= 4 {
		size, kind := int(d.order.Uint16(b)), d.order.Uint16(b[2:])
		if size < 4 || size > len(b) {
			return fmt.Errorf("an attribute of %d bytes in %d", size, len(b))
		}
		value := b[4:size]
		switch {
		case kind == dumpMark && len(value) >= 4:
			s.Mark = d.order.Uint32(value)
		case kind == dumpInfo && s.Timer.Kind != tcp.TimerTimeWait && measured(s.State):
			d.measure(value, s)
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// measure reads struct tcp_info, which grows with every kernel at its end
// (include/uapi/linux/tcp.h): bytes_acked came with 4.1, snd_wnd with 5.4.
func (d *dump) measure(b []byte, s *tcp.Socket) {
	const (
		probes, backoff          = 3, 4
		rto, unacked             = 8, 24
		lastSend, lastRecv       = 44, 52
		lastAck, rtt             = 56, 68
		retrans, bytesAcked      = 100, 120
		bytesReceived, sndWindow = 128, 228
	)
	if len(b) < retrans+4 {
		return
	}
	o := d.order
	in := func(at int, unit time.Duration) time.Duration { return time.Duration(o.Uint32(b[at:])) * unit }
	if len(d.infos) == 0 {
		d.infos = make([]tcp.Info, 256)
	}
	s.Info, d.infos = &d.infos[0], d.infos[1:]
	*s.Info = tcp.Info{
		LastSend: in(lastSend, time.Millisecond), LastRecv: in(lastRecv, time.Millisecond), LastAck: in(lastAck, time.Millisecond),
		RTT: in(rtt, time.Microsecond), RTO: in(rto, time.Microsecond),
		Unacked: o.Uint32(b[unacked:]), Retrans: o.Uint32(b[retrans:]), Backoff: b[backoff], Probes: b[probes],
	}
	if len(b) >= bytesReceived+8 {
		s.Info.BytesAcked, s.Info.BytesReceived = o.Uint64(b[bytesAcked:]), o.Uint64(b[bytesReceived:])
	}
	if len(b) >= sndWindow+4 {
		s.Info.SendWindow, s.Info.HasWindow = o.Uint32(b[sndWindow:]), true
	}
}
