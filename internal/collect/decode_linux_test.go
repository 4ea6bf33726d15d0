package collect

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

func addrBytes(s string) (b [16]byte) {
	a := netip.MustParseAddr(s)
	if a.Is4() {
		four := a.As4()
		copy(b[:], four[:])
		return b
	}
	return a.As16()
}

func (r tcpRecord) bytes() []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&r)), tcpRecordSize)...)
}

func (r fileRecord) bytes() []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&r)), fileRecordSize)...)
}

var establishedRecord = tcpRecord{
	Inode: 77, Cookie: 1 << 40, BytesAcked: 5, BytesReceived: 6, Laddr: addrBytes("10.0.0.1"), Raddr: addrBytes("10.0.0.2"),
	Netns: 1, Uid: 1000, Mark: 3, Iface: 2, Recvq: 10, Sendq: 20, KeepaliveTime: 7200 * 250, Expires: 50,
	LastSend: 1, LastRecv: 2, LastAck: 3, Rto: 51, Rtt: 1500, Unacked: 4, Retrans: 9, SendWindow: 65535, Backoff: 1, Probes: 2,
	Family: unix.AF_INET, Lport: 41234, Rport: 3306, State: 1, Timer: 1, Retries: 3, Flags: recordInfo, PortUse: 1,
}

var establishedInfo = tcp.Info{
	LastSend: 4 * time.Millisecond, LastRecv: 8 * time.Millisecond, LastAck: 12 * time.Millisecond,
	RTT: 1500 * time.Microsecond, RTO: 204 * time.Millisecond, BytesAcked: 5, BytesReceived: 6,
	Unacked: 4, Retrans: 9, Backoff: 1, Probes: 2, SendWindow: 65535, HasWindow: true,
}

func TestTCPRecord(t *testing.T) {
	edit := func(change func(*tcpRecord)) tcpRecord { r := establishedRecord; change(&r); return r }
	base := tcp.Socket{
		Local: netip.MustParseAddrPort("10.0.0.1:41234"), Remote: netip.MustParseAddrPort("10.0.0.2:3306"),
		Inode: 77, Cookie: 1 << 40, RecvQ: 10, SendQ: 20, UID: 1000, Mark: 3, Iface: 2,
		Timer: tcp.Timer{Kind: tcp.TimerOn, Expires: 200 * time.Millisecond, Retries: 3},
		State: tcp.Established, Port: tcp.PortAuto,
	}
	with := func(change func(*tcp.Socket)) tcp.Socket { s := base; change(&s); return s }
	for _, c := range []struct {
		name string
		rec  tcpRecord
		want tcp.Socket
		info bool
	}{
		{"established", establishedRecord, base, true},
		{"mapped", edit(func(r *tcpRecord) {
			r.Family, r.Laddr, r.Raddr = unix.AF_INET6, addrBytes("::ffff:10.0.0.1"), addrBytes("::ffff:10.0.0.2")
		}), with(func(s *tcp.Socket) { s.V4Mapped = true }), true},
		{"link-local", edit(func(r *tcpRecord) {
			r.Family, r.Laddr, r.Raddr = unix.AF_INET6, addrBytes("fe80::1"), addrBytes("2001:db8::1")
		}), with(func(s *tcp.Socket) {
			s.Local, s.Remote = netip.MustParseAddrPort("[fe80::1%2]:41234"), netip.MustParseAddrPort("[2001:db8::1]:3306")
		}), true},
		{"listen", edit(func(r *tcpRecord) {
			r.State, r.Rport, r.Raddr, r.Flags, r.Timer, r.Expires, r.Retries = 10, 0, [16]byte{}, 0, 0, 0, 0
		}), with(func(s *tcp.Socket) { s.State, s.Remote, s.Timer = tcp.Listen, netip.AddrPort{}, tcp.Timer{} }), false},
		{"orphan fin-wait-1", edit(func(r *tcpRecord) { r.State, r.Inode, r.Flags = 4, 0, recordInfo|recordOrphan }),
			with(func(s *tcp.Socket) { s.State, s.Inode, s.UID, s.Orphan = tcp.FinWait1, 0, 0, true }), true},
		{"mini fin-wait-2", edit(func(r *tcpRecord) { r.State, r.Inode, r.Flags, r.Timer, r.Retries = 5, 0, recordMini, 3, 0 }),
			with(func(s *tcp.Socket) {
				s.State, s.Inode, s.UID, s.Orphan = tcp.FinWait2, 0, 0, true
				s.Timer.Kind, s.Timer.Retries = tcp.TimerTimeWait, 0
			}), false},
		{"time-wait", edit(func(r *tcpRecord) {
			r.State, r.Inode, r.Flags, r.Timer, r.Expires, r.Retries = 6, 0, recordMini, 3, 15000, 0
		}),
			with(func(s *tcp.Socket) {
				s.State, s.Inode, s.UID = tcp.TimeWait, 0, 0
				s.Timer = tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Minute}
			}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := parseTCPRecord(c.rec.bytes())
			if err != nil {
				t.Fatal(err)
			}
			var info tcp.Info
			got, ok := rec.socket(250, &info)
			if diff := gocmp.Diff(c.want, got, addrs); diff != "" || ok != c.info {
				t.Errorf("info %v, want %v; socket (-want +got):\n%s", ok, c.info, diff)
			}
			if ok {
				if diff := gocmp.Diff(establishedInfo, info); diff != "" {
					t.Errorf("info (-want +got):\n%s", diff)
				}
			}
		})
	}
	for _, bad := range []tcpRecord{
		edit(func(r *tcpRecord) { r.Family = unix.AF_UNIX }), edit(func(r *tcpRecord) { r.State = 0 }), edit(func(r *tcpRecord) { r.State = 14 }),
	} {
		if _, err := parseTCPRecord(bad.bytes()); err == nil {
			t.Errorf("accepted: %+v", bad)
		}
	}
}

func TestFileRecord(t *testing.T) {
	o := newOwners("bpf-iter")
	at := func(pid uint32, inode uint64, state, proto, lport uint16) {
		r := fileRecord{Pid: pid, Inode: inode, Cookie: inode, Protocol: proto, Family: unix.AF_INET, State: uint8(state), Lport: lport, Netns: 5}
		rec, err := parseFileRecord(r.bytes())
		if err != nil {
			t.Fatal(err)
		}
		o.note(&rec)
	}
	at(9, 100, 1, unix.IPPROTO_TCP, 80)
	at(3, 100, 1, unix.IPPROTO_TCP, 80)
	at(3, 100, 1, unix.IPPROTO_TCP, 80) // the same by a second descriptor
	at(3, 101, 7, unix.IPPROTO_TCP, 0)
	at(4, 101, 7, unix.IPPROTO_TCP, 0) // inherited
	at(4, 102, 7, unix.IPPROTO_TCP, 443)
	at(4, 103, 7, unix.IPPROTO_UDP, 53)
	first, more := o.bySocket()
	if diff := gocmp.Diff(map[uint64]int32{100: 3, 101: 3, 102: 4}, first); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff(map[uint64][]int32{100: {3, 9}, 101: {3, 4}}, more); diff != "" {
		t.Error(diff)
	}
	if len(o.loose) != 3 || o.loose[0].State != tcp.Closed || o.loose[2].State != tcp.Bound || o.loose[2].Port != tcp.PortBound {
		t.Errorf("loose: %+v", o.loose)
	}
	if o.udp[4] != 1 || o.udp[3] != 0 {
		t.Errorf("udp: %v", o.udp)
	}
}

func TestJiffiesPerSecond(t *testing.T) {
	for _, c := range []struct {
		setting uint32
		seconds uint64
		hz      uint32
	}{{7200 * 250, 7200, 250}, {7200 * 1000, 7200, 1000}, {100, 1, 100}, {300, 0, 0}, {0, 7200, 0}, {7200 * 251, 7200, 0}, {600, 7200, 0}} {
		if hz, err := jiffiesPerSecond(c.setting, c.seconds); hz != c.hz || (err == nil) != (c.hz != 0) {
			t.Errorf("%d ticks in %d s: %d, %v", c.setting, c.seconds, hz, err)
		}
	}
}

// diagMessage builds struct inet_diag_msg with the given attributes.
func diagMessage(family, state, timer, retries byte, laddr, raddr string, lport, rport uint16, inode uint32, attrs ...[]byte) []byte {
	b := make([]byte, diagMsgSize)
	b[0], b[1], b[2], b[3] = family, state, timer, retries
	binary.BigEndian.PutUint16(b[4:], lport)
	binary.BigEndian.PutUint16(b[6:], rport)
	l, r := addrBytes(laddr), addrBytes(raddr)
	copy(b[8:], l[:])
	copy(b[24:], r[:])
	ne := binary.NativeEndian
	ne.PutUint32(b[40:], 2)
	ne.PutUint32(b[44:], 0)
	ne.PutUint32(b[48:], 1<<8)
	ne.PutUint32(b[52:], 200)
	ne.PutUint32(b[56:], 10)
	ne.PutUint32(b[60:], 20)
	ne.PutUint32(b[64:], 1000)
	ne.PutUint32(b[68:], inode)
	for _, a := range attrs {
		b = append(b, a...)
	}
	return b
}

func attribute(kind uint16, value []byte) []byte {
	b := make([]byte, 4, 4+len(value)+3)
	binary.NativeEndian.PutUint16(b, uint16(4+len(value)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	b = append(b, value...)
	return append(b, make([]byte, align4(len(value))-len(value))...)
}

func netlinkMessage(kind, flags uint16, payload []byte) []byte {
	b := make([]byte, nlmsgHeaderSize)
	binary.NativeEndian.PutUint32(b, uint32(nlmsgHeaderSize+len(payload)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	b = append(b, payload...)
	return append(b, make([]byte, align4(len(b))-len(b))...)
}

func tcpInfo(size int) []byte {
	b := make([]byte, 280)
	ne := binary.NativeEndian
	b[3], b[4] = 2, 1
	ne.PutUint32(b[8:], 204000)
	ne.PutUint32(b[24:], 4)
	ne.PutUint32(b[44:], 4)
	ne.PutUint32(b[52:], 8)
	ne.PutUint32(b[56:], 12)
	ne.PutUint32(b[68:], 1500)
	ne.PutUint32(b[100:], 9)
	ne.PutUint64(b[120:], 5)
	ne.PutUint64(b[128:], 6)
	ne.PutUint32(b[228:], 65535)
	return b[:size]
}

func mark(n uint32) []byte {
	return attribute(diagMark, binary.NativeEndian.AppendUint32(nil, n))
}

func TestDiag(t *testing.T) {
	base := tcp.Socket{
		Local: netip.MustParseAddrPort("10.0.0.1:41234"), Remote: netip.MustParseAddrPort("10.0.0.2:3306"),
		Inode: 77, Cookie: 1 << 40, RecvQ: 10, SendQ: 20, UID: 1000, Mark: 3, Iface: 2,
		Timer: tcp.Timer{Kind: tcp.TimerOn, Expires: 200 * time.Millisecond, Retries: 3},
		State: tcp.Established,
	}
	with := func(change func(*tcp.Socket)) tcp.Socket { s := base; change(&s); return s }
	noWindow := establishedInfo
	noWindow.SendWindow, noWindow.HasWindow = 0, false
	for _, c := range []struct {
		name string
		msg  []byte
		want tcp.Socket
		info *tcp.Info
	}{
		{"established", diagMessage(2, 1, 1, 3, "10.0.0.1", "10.0.0.2", 41234, 3306, 77, attribute(8, []byte{0}), mark(3), attribute(diagInfo, tcpInfo(280))),
			base, &establishedInfo},
		{"old kernel", diagMessage(2, 1, 1, 3, "10.0.0.1", "10.0.0.2", 41234, 3306, 77, mark(3), attribute(diagInfo, tcpInfo(192))), base, &noWindow},
		{"mapped", diagMessage(10, 1, 1, 3, "::ffff:10.0.0.1", "::ffff:10.0.0.2", 41234, 3306, 77, mark(3)),
			with(func(s *tcp.Socket) { s.V4Mapped = true }), nil},
		{"time-wait", diagMessage(2, 6, 3, 0, "10.0.0.1", "10.0.0.2", 41234, 3306, 0), with(func(s *tcp.Socket) {
			s.State, s.Inode, s.UID, s.Mark, s.Timer.Kind, s.Timer.Retries = tcp.TimeWait, 0, 0, 0, tcp.TimerTimeWait, 0
		}), nil},
		{"bound as 6.8 says", diagMessage(2, 13, 0, 0, "10.0.0.1", "0.0.0.0", 41234, 0, 77), with(func(s *tcp.Socket) {
			s.State, s.Remote, s.Mark, s.RecvQ, s.SendQ, s.Port = tcp.Bound, netip.AddrPort{}, 0, 0, 0, tcp.PortBound
			s.Timer = tcp.Timer{Expires: s.Timer.Expires}
		}), nil},
		{"new-syn-recv", diagMessage(2, 12, 1, 3, "10.0.0.1", "10.0.0.2", 41234, 3306, 0), with(func(s *tcp.Socket) {
			s.State, s.Inode, s.UID, s.Mark = tcp.SynReceived, 0, 0, 0
		}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var info tcp.Info
			got, ok, err := decodeDiag(c.msg, &info)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(c.want, got, addrs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if ok != (c.info != nil) {
				t.Fatalf("info %v, want %+v", ok, c.info)
			}
			if ok {
				if diff := gocmp.Diff(*c.info, info); diff != "" {
					t.Errorf("info (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestDiagBatch(t *testing.T) {
	one := netlinkMessage(sockDiagByFamily, 2, diagMessage(2, 1, 0, 0, "10.0.0.1", "10.0.0.2", 1, 2, 7))
	status := func(code int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(code)) }
	end := netlinkMessage(unix.NLMSG_DONE, 2, status(0))
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, c := range []struct {
		name string
		b    []byte
		rows int
		done bool
		err  error
	}{
		{"more to come", join(one, one), 2, false, nil},
		{"end", join(one, end), 1, true, nil},
		{"refused", netlinkMessage(unix.NLMSG_ERROR, 0, status(-int32(unix.ENOENT))), 0, true, unix.ENOENT},
		{"failed at the end", join(one, netlinkMessage(unix.NLMSG_DONE, 2, status(-int32(unix.ENOMEM)))), 1, true, unix.ENOMEM},
		{"interrupted", join(netlinkMessage(sockDiagByFamily, 2|unix.NLM_F_DUMP_INTR, diagMessage(2, 1, 0, 0, "10.0.0.1", "10.0.0.2", 1, 2, 7)), end), 1, true, errInterrupted},
		{"overrun", netlinkMessage(unix.NLMSG_OVERRUN, 0, nil), 0, true, errInterrupted},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := &table{}
			done, err := decodeDiagBatch(c.b, tab)
			if done != c.done || !errors.Is(err, c.err) || len(tab.sockets) != c.rows {
				t.Errorf("done %v, err %v, %d rows", done, err, len(tab.sockets))
			}
		})
	}
	if _, err := decodeDiagBatch(one[:40], &table{}); err == nil {
		t.Error("half a message was accepted")
	}
}

// From 6.18; the addresses read so on a little-endian machine.
var procLines = []struct {
	family uint16
	line   string
	want   tcp.Socket
}{
	{unix.AF_INET, "   0: 0100007F:1F90 00000000:0000 0A 00000080:00000003 00:00000000 00000000  1000        0 1136 1 00000000d53f0d01 100 0 0 10 0",
		tcp.Socket{Local: netip.MustParseAddrPort("127.0.0.1:8080"), State: tcp.Listen, SendQ: 128, RecvQ: 3, UID: 1000, Inode: 1136}},
	{unix.AF_INET, "  12: 0100007F:A012 0200000A:0CEA 06 00000000:00000000 03:0000176E 00000000     0        0 0 3 0000000000000000",
		tcp.Socket{Local: netip.MustParseAddrPort("127.0.0.1:40978"), Remote: netip.MustParseAddrPort("10.0.0.2:3306"), State: tcp.TimeWait,
			Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 59980 * time.Millisecond}}},
	{unix.AF_INET, "  13: 0100007F:A012 0200000A:0CEA 01 00000000:00000000 02:00000064 00000001  7        4 99 2 0 21 4 30 10 -1",
		tcp.Socket{Local: netip.MustParseAddrPort("127.0.0.1:40978"), Remote: netip.MustParseAddrPort("10.0.0.2:3306"), State: tcp.Established, UID: 7, Inode: 99,
			Timer: tcp.Timer{Kind: tcp.TimerKeepalive, Expires: time.Second, Retries: 4}}},
	{unix.AF_INET6, "   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:0050 05 00000000:00000001 00:00000000 00000000  0        0 0 1 0",
		tcp.Socket{Local: netip.MustParseAddrPort("127.0.0.1:8080"), Remote: netip.MustParseAddrPort("127.0.0.2:80"), State: tcp.FinWait2, RecvQ: 1, V4Mapped: true, Orphan: true}},
	{unix.AF_INET6, "   1: B80D0120000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0        0 5 1 0",
		tcp.Socket{Local: netip.MustParseAddrPort("[2001:db8::1]:8080"), State: tcp.Listen, Inode: 5}},
}

func TestProcLine(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("needs a little-endian machine: the lines were taken on one")
	}
	for _, c := range procLines {
		got, err := decodeProcLine([]byte(c.line), c.family)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := gocmp.Diff(c.want, got, addrs); diff != "" {
			t.Errorf("%s\n(-want +got):\n%s", c.line, diff)
		}
	}
	for _, bad := range []string{
		"", "   0: 0100007F:1F90", "   0: 0100007F:1F90 00000000:0000 00 0:0 0:0 0 0 0 0", "   0: 0100007F:1F90 00000000:0000 0E 0:0 0:0 0 0 0 0",
		"   0: 0100007G:1F90 00000000:0000 01 0:0 0:0 0 0 0 0", "   0: 0100007F:1F90 00000000:0000 01 0 0:0 0 0 0 0",
		"   0: 0100007F:1F90 00000000:0000 01 0:0 9:0 0 0 0 0", "   0: 0100007F:1F90 00000000:0000 01 0:0 0:0 0 -1 0 0",
	} {
		if got, err := decodeProcLine([]byte(bad), unix.AF_INET); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

func TestSockstat(t *testing.T) {
	text := []byte("sockets: used 9\nTCP: inuse 5 orphan 1 tw 28 alloc 7 mem 2\nUDP: inuse 1 mem 0\n")
	for name, want := range map[string]uint64{"inuse": 5, "tw": 28} {
		if n, ok := sockstat(text, name); n != want || !ok {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
	if n, ok := sockstat(nil, "tw"); ok {
		t.Errorf("nothing gave %d", n)
	}
	for text, want := range map[string]bool{"6.18.44-fc": true, "6.8": true, "6.7.9": false, "5.15.0-91-generic": false, "": false, "x": false, "7.0-rc1": true} {
		v, ok := release([]byte(text))
		if got := ok && (v[0] > 6 || v[0] == 6 && v[1] >= 8); got != want {
			t.Errorf("%q is at least 6.8: %v", text, got)
		}
	}
}

func TestBlindness(t *testing.T) {
	var b blindness
	b.add("a", "x", errors.New("first"))
	b.add("a", "y", nil)
	b.add("a", "x", errors.New("second"))
	got := b.list()
	if len(got) != 2 || got[0].Count != 2 || got[0].Err != "first" || got[1].Count != 1 || got[1].Subject != "y" {
		t.Errorf("%+v", got)
	}
}

// valid is what every decoder promises of what it lets through.
func valid(t *testing.T, s *tcp.Socket) {
	t.Helper()
	if s.State == tcp.Unknown || s.State >= tcp.NumStates || s.Timer.Expires < 0 || s.Local.Addr().Is4In6() || s.Remote.Addr().Is4In6() {
		t.Errorf("let through: %+v", *s)
	}
	if s.Inode == 0 && s.UID != 0 {
		t.Errorf("user without a file: %+v", *s)
	}
}

func FuzzTCPRecord(f *testing.F) {
	f.Add(establishedRecord.bytes(), uint32(250))
	f.Add(make([]byte, tcpRecordSize), uint32(1000))
	f.Fuzz(func(t *testing.T, b []byte, hz uint32) {
		if rec, err := parseTCPRecord(b); err == nil && hz != 0 {
			var info tcp.Info
			s, _ := rec.socket(hz, &info)
			valid(t, &s)
		}
		if rec, err := parseFileRecord(b[:min(len(b), fileRecordSize)]); err == nil {
			s := rec.loose()
			valid(t, &s)
		}
	})
}

func FuzzDiag(f *testing.F) {
	f.Add(netlinkMessage(sockDiagByFamily, 2, diagMessage(10, 1, 1, 3, "::ffff:10.0.0.1", "::1", 1, 2, 7, mark(3), attribute(diagInfo, tcpInfo(280)))))
	f.Add(netlinkMessage(unix.NLMSG_DONE, 2, []byte{0, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab := &table{}
		_, _ = decodeDiagBatch(b, tab)
		for i := range tab.sockets {
			valid(t, &tab.sockets[i])
		}
	})
}

func FuzzProcLine(f *testing.F) {
	for _, c := range procLines {
		f.Add([]byte(c.line), c.family == unix.AF_INET6)
	}
	f.Fuzz(func(t *testing.T, line []byte, six bool) {
		family := uint16(unix.AF_INET)
		if six {
			family = unix.AF_INET6
		}
		if s, err := decodeProcLine(line, family); err == nil {
			valid(t, &s)
		}
	})
}

func BenchmarkTCPRecord(b *testing.B) {
	b.ReportAllocs()
	raw := establishedRecord.bytes()
	tab := &table{sockets: make([]tcp.Socket, 0, 1)}
	for b.Loop() {
		rec, _ := parseTCPRecord(raw)
		s, ok := rec.socket(250, &tab.info)
		tab.sockets = tab.sockets[:0]
		tab.add(&s, ok)
	}
}

func BenchmarkDiag(b *testing.B) {
	b.ReportAllocs()
	raw := diagMessage(2, 1, 1, 3, "10.0.0.1", "10.0.0.2", 41234, 3306, 77, mark(3), attribute(diagInfo, tcpInfo(280)))
	tab := &table{sockets: make([]tcp.Socket, 0, 1)}
	for b.Loop() {
		s, ok, _ := decodeDiag(raw, &tab.info)
		tab.sockets = tab.sockets[:0]
		tab.add(&s, ok)
	}
}

func BenchmarkProcLine(b *testing.B) {
	b.ReportAllocs()
	line := []byte(procLines[2].line)
	for b.Loop() {
		_, _ = decodeProcLine(line, unix.AF_INET)
	}
}
