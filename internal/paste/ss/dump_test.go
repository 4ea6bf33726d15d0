package ss

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// dumpOf writes messages as a machine of the given byte order would.
func dumpOf(o binary.AppendByteOrder, messages ...[]byte) (out []byte) {
	for _, m := range messages {
		kind := uint16(dumpFamily)
		if len(m) == 4 {
			kind = dumpDone
		}
		out = o.AppendUint32(out, uint32(dumpHeader+len(m)))
		out = o.AppendUint16(out, kind)
		out = o.AppendUint16(out, dumpMulti)
		out = append(out, make([]byte, 8)...)
		out = append(out, m...)
		out = append(out, make([]byte, (4-len(out)%4)%4)...)
	}
	return out
}

// dumpSocket writes struct inet_diag_msg of a connection, and attributes.
func dumpSocket(o binary.AppendByteOrder, state tcp.State, local, remote netip.AddrPort, inode uint32, attributes ...byte) []byte {
	m := []byte{dumpINET, byte(state), byte(tcp.TimerKeepalive), 1}
	if local.Addr().Is6() {
		m[0] = dumpINET6
	}
	m = binary.BigEndian.AppendUint16(m, local.Port())
	m = binary.BigEndian.AppendUint16(m, remote.Port())
	for _, a := range []netip.Addr{local.Addr(), remote.Addr()} {
		m = append(append(m, a.AsSlice()...), make([]byte, 16-len(a.AsSlice()))...)
	}
	for _, word := range []uint32{3, 0x11, 0x22, 7000, 5, 6, 33, inode} {
		m = o.AppendUint32(m, word)
	}
	return append(m, attributes...)
}

func TestDump(t *testing.T) {
	v4 := [2]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:8080"), netip.MustParseAddrPort("192.0.2.2:4000")}
	v6 := [2]netip.AddrPort{netip.MustParseAddrPort("[fe80::1]:8080"), netip.MustParseAddrPort("[fe80::2]:4000")}
	mapped := [2]netip.AddrPort{netip.MustParseAddrPort("[::ffff:192.0.2.1]:8080"), netip.MustParseAddrPort("[::ffff:192.0.2.2]:4000")}
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		mark := o.AppendUint32(o.AppendUint16(o.AppendUint16(nil, 8), dumpMark), 42)
		data := dumpOf(o,
			dumpSocket(o, tcp.CloseWait, v4[0], v4[1], 77, mark...),
			make([]byte, 4), // NLMSG_DONE of the first family
			dumpSocket(o, tcp.Established, v6[0], v6[1], 78),
			dumpSocket(o, tcp.NewSynRecv, mapped[0], mapped[1], 0),
			dumpSocket(o, tcp.Closed, v4[0], netip.AddrPortFrom(netip.IPv4Unspecified(), 0), 79),
			make([]byte, 4))
		b := form.NewBuilder(time.Time{})
		if err := ReadDump(bytes.NewReader(data), b); err != nil {
			t.Fatal(o, err)
		}
		want := []string{
			"CLOSE_WAIT 192.0.2.1:8080 192.0.2.2:4000 q=5/6 keepalive=7s,1 ino=77 uid=33 sk=2200000011 mark=2a",
			"ESTABLISHED [fe80::1%3]:8080 [fe80::2%3]:4000 q=5/6 keepalive=7s,1 ino=78 uid=33 sk=2200000011",
			"SYN_RECV 192.0.2.1:8080 192.0.2.2:4000 q=5/6 mapped keepalive=7s,1 sk=2200000011",
			"BOUND 192.0.2.1:8080 keepalive=7s,1 ino=79 uid=33 sk=2200000011",
		}
		if got := Briefs(b.Snapshot()); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v\ngot\n%s\nwant\n%s", o, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestDumpDamaged(t *testing.T) {
	o := binary.LittleEndian
	one := dumpSocket(o, tcp.Established, netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2"), 5)
	good := dumpOf(o, one, one)
	broken := func(at int, value byte) []byte {
		out := bytes.Clone(good)
		out[len(good)/2+at] = value
		return out
	}
	for _, c := range []struct {
		name    string
		data    []byte
		sockets int
		message string // "": no error
	}{
		{"whole", good, 2, ""},
		{"cut in a message", good[:len(good)-3], 1, "byte 88"},
		{"cut in a header", good[:len(good)/2+3], 1, "byte 88"},
		{"cut between", good[:len(good)/2], 1, ""},
		{"another family", broken(16, 99), 1, "address family 99"},
		{"no state", broken(17, 99), 1, "TCP state 99"},
		{"no size", broken(0, 1), 1, "1 bytes"},
		{"a huge size", broken(3, 0xff), 1, "4278190168 bytes"},
		{"an attribute too long", dumpOf(o, one, append(bytes.Clone(one), 200, 0, 1, 0)), 1, "attribute of 200"},
		{"short", dumpOf(o, one, one[:40]), 1, "of 40 bytes"},
		{"text", []byte("State Recv-Q Send-Q Local Address:Port"), 0, errDump.Error()},
		{"empty", nil, 0, errDump.Error()},
	} {
		b := form.NewBuilder(time.Time{})
		err := ReadDump(bytes.NewReader(c.data), b)
		if len(b.Sockets) != c.sockets || (err == nil) != (c.message == "") || err != nil && !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %d sockets and %v, want %d and %q", c.name, len(b.Sockets), err, c.sockets, c.message)
		}
	}
	failing := errors.New("the disk is gone")
	if err := ReadDump(io.MultiReader(bytes.NewReader(good[:120]), failingReader{failing}), form.NewBuilder(time.Time{})); !errors.Is(err, failing) {
		t.Errorf("error %v, want %v", err, failing)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func FuzzSSDump(f *testing.F) {
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		m := dumpSocket(o, tcp.Established, netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2"), 5,
			append(o.AppendUint16(o.AppendUint16(nil, 236), dumpInfo), make([]byte, 232)...)...)
		f.Add(dumpOf(o, m, make([]byte, 4), m))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := form.NewBuilder(time.Time{})
		err := ReadDump(bytes.NewReader(data), b)
		if len(b.Sockets) > len(data)/dumpMessage {
			t.Errorf("%d sockets of %d bytes", len(b.Sockets), len(data))
		}
		if (DumpOrder(data) == nil) != errors.Is(err, errDump) {
			t.Errorf("recognised %v, read %v", DumpOrder(data), err)
		}
		for i := range b.Sockets {
			if s := b.Sockets[i].State; s == tcp.Unknown || s >= tcp.NumStates {
				t.Errorf("state %v", s)
			}
		}
	})
}
