package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

var ne = binary.NativeEndian

// The wire is a veth pair inside the namespace. Everything that is not local
// leaves at the near end; at the far end no address lives, so the kernel drops
// what arrives (it is addressed to nobody there), and only a puppet may answer.
// That gives a peer that is as silent, slow or hostile as a scenario wants.
const (
	nearEnd = "wire0"
	farEnd  = "wire1"
)

var (
	nearMAC = net.HardwareAddr{0x02, 0x50, 0x0c, 0x6e, 0xe7, 0x00} // locally administered
	farMAC  = net.HardwareAddr{0x02, 0x50, 0x0c, 0x6e, 0xe7, 0x01}
	// localAddr is this machine's address on the wire.
	localAddr = netip.MustParseAddr("192.0.2.1")
	// gateway is nobody: frames to it leave on the wire.
	gateway = netip.MustParseAddr("192.0.2.254")
)

// setUpWire is a scenario's setup: the wire and a default route into it.
func setUpWire(*world) error {
	if err := vethPair(nearEnd, farEnd, nearMAC, farMAC); err != nil {
		return err
	}
	// Without ARP: whom should it ask? The frames carry the near end's own
	// address, which the far end takes as addressed to somebody else.
	return errors.Join(
		setFlags(nearEnd, unix.IFF_UP|unix.IFF_NOARP),
		setFlags(farEnd, unix.IFF_UP|unix.IFF_NOARP),
		addAddr(nearEnd, netip.PrefixFrom(localAddr, 32)),
		defaultRoute(nearEnd, gateway, localAddr),
	)
}

// segment is a TCP segment over IPv4, without options.
type segment struct {
	from, to netip.AddrPort
	seq, ack uint32
	flags    byte
	window   uint16
	payload  int // bytes carried; only counted, their content does not matter here
}

// TCP flags (RFC 9293 section 3.1).
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// next is the sequence number that follows the segment.
func (s segment) next() uint32 {
	n := s.seq + uint32(s.payload)
	if s.flags&(flagSYN|flagFIN) != 0 {
		n++
	}
	return n
}

// reply is a segment back to the sender of s. A puppet keeps no state: what it
// sends next is what the other side says it expects.
func (s segment) reply(flags byte, ack uint32, window uint16) segment {
	return segment{from: s.to, to: s.from, seq: s.ack, ack: ack, flags: flags, window: window}
}

// puppetISN is the first sequence number of every puppet.
const puppetISN = 1000

// synAck answers a SYN.
func (s segment) synAck(window uint16) segment {
	r := s.reply(flagSYN|flagACK, s.next(), window)
	r.seq = puppetISN
	return r
}

// puppet plays machines at the far end of the wire.
type puppet struct {
	fd      int
	ifindex int
}

func newPuppet() (*puppet, error) {
	far, err := net.InterfaceByName(farEnd)
	if err != nil {
		return nil, err
	}
	proto := htons(unix.ETH_P_IP)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket(AF_PACKET)", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt(PACKET_IGNORE_OUTGOING)", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: far.Index}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind(AF_PACKET)", err)
	}
	return &puppet{fd: fd, ifindex: far.Index}, nil
}

func htons(v uint16) uint16 { return ne.Uint16(binary.BigEndian.AppendUint16(nil, v)) }

// serve answers every segment that arrives with what manners return, until ctx
// ends: the process ends then, and with it the socket this waits on.
func (p *puppet) serve(ctx context.Context, manners func(segment) []segment) error {
	buf := make([]byte, 1<<16)
	for ctx.Err() == nil {
		n, _, err := unix.Recvfrom(p.fd, buf, 0)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOBUFS) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		s, ok := parseSegment(buf[:n])
		if !ok {
			continue
		}
		for _, r := range manners(s) {
			if err := p.send(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// send puts a segment on the wire.
func (p *puppet) send(s segment) error {
	to := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_IP), Ifindex: p.ifindex, Halen: 6}
	copy(to.Addr[:], nearMAC)
	err := unix.Sendto(p.fd, s.encode(), 0, to)
	if errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EINTR) {
		return nil // lost on the wire, as happens
	}
	return os.NewSyscallError("sendto", err)
}

// parseSegment reads an IPv4 packet (RFC 791 section 3.1) with TCP inside.
func parseSegment(b []byte) (s segment, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != unix.IPPROTO_TCP {
		return s, false
	}
	ihl, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	// A total of 0 marks a packet above 64 KiB that the device would have cut.
	if total == 0 || total > len(b) {
		total = len(b)
	}
	if ihl < 20 || total < ihl+20 {
		return s, false
	}
	src, dst, t := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), b[ihl:total]
	off := int(t[12]>>4) * 4
	if off < 20 || off > len(t) {
		return s, false
	}
	return segment{
		from: netip.AddrPortFrom(src, binary.BigEndian.Uint16(t)), to: netip.AddrPortFrom(dst, binary.BigEndian.Uint16(t[2:])),
		seq: binary.BigEndian.Uint32(t[4:]), ack: binary.BigEndian.Uint32(t[8:]),
		flags: t[13], window: binary.BigEndian.Uint16(t[14:]), payload: len(t) - off,
	}, true
}

// encode makes the IPv4 packet with both checksums (RFC 1071). Its payload, if
// any, is zeros.
func (s segment) encode() []byte {
	b := make([]byte, 40+s.payload)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], s.from.Addr().AsSlice())
	copy(b[16:], s.to.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[10:], checksum(0, b[:20]))
	t := b[20:]
	binary.BigEndian.PutUint16(t, s.from.Port())
	binary.BigEndian.PutUint16(t[2:], s.to.Port())
	binary.BigEndian.PutUint32(t[4:], s.seq)
	binary.BigEndian.PutUint32(t[8:], s.ack)
	t[12], t[13] = 5<<4, s.flags
	binary.BigEndian.PutUint16(t[14:], s.window)
	// The pseudo header: both addresses, the protocol, the length.
	sum := uint32(unix.IPPROTO_TCP) + uint32(len(t))
	for i := 12; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	binary.BigEndian.PutUint16(t[16:], checksum(sum, t))
	return b
}

func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
