package procnet_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
)

// procText writes connections as a machine of one byte order prints them.
func procText(order binary.ByteOrder, pairs [][2]string) string {
	end := func(text string) string {
		e := netip.MustParseAddrPort(text)
		raw := e.Addr().AsSlice()
		for i := 0; i < len(raw); i += 4 {
			binary.BigEndian.PutUint32(raw[i:], order.Uint32(raw[i:]))
		}
		return fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString(raw)), e.Port())
	}
	text := sample.ProcHeading
	for i, p := range pairs {
		text += fmt.Sprintf("%4d: %s %s 01 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000\n", i, end(p[0]), end(p[1]), 100+i)
	}
	return text
}

// A sign of the byte order counts once, not once for every row: a machine whose own
// address looks private when it is read the wrong way round is no other machine.
func TestByteOrder(t *testing.T) {
	with := func(local string, remotes ...string) (pairs [][2]string) {
		for _, r := range remotes {
			pairs = append(pairs, [2]string{local, r})
		}
		return pairs
	}
	var swept []string
	for n := range 130 {
		swept = append(swept, fmt.Sprintf("198.51.100.%d:445", n+1))
	}
	both := []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}
	little := both[:1]
	for _, tt := range []struct {
		name   string
		pairs  [][2]string
		orders []binary.ByteOrder
	}{
		{"public, and its last byte is 10", with("192.0.2.10:50000", "203.0.113.5:443", "203.0.113.6:443"), little},
		{"only its own address, which ends in 127", with("203.0.113.127:9000", "203.0.113.127:40000"), little},
		{"every last byte up to 130", with("192.0.2.10:50000", swept...), little},
		{"only public ones tell nothing", with("192.0.2.55:50000", "203.0.113.99:443"), little},
		{"private network of homes", with("192.168.1.7:50000", "203.0.113.5:443"), both},
		{"private network of offices", with("10.1.2.3:50000", "10.1.9.8:443", "203.0.113.5:443"), both},
		{"private network of clouds", with("172.20.2.3:50000", "172.20.9.8:443"), both},
		{"loopback", with("127.0.0.1:50000", "127.0.0.1:443"), both},
		{"IPv6", with("[2001:db8::7]:50000", "[2001:db8::8]:443"), both},
		{"loopback of IPv6", with("[::1]:50000", "[::1]:443"), both},
		{"link-local", with("[fe80::12]:50000", "[fe80::34]:443"), both},
	} {
		for _, order := range tt.orders {
			p, _ := pastetest.Given(t, procText(order, tt.pairs))
			if len(p.Snapshot.Sockets) != len(tt.pairs) {
				t.Errorf("%s, %s: %d sockets, not %d", tt.name, order, len(p.Snapshot.Sockets), len(tt.pairs))
				continue
			}
			for i, s := range p.Snapshot.Sockets {
				if s.Local.String() != tt.pairs[i][0] || s.Remote.String() != tt.pairs[i][1] {
					t.Errorf("%s, %s: row %d is %s to %s, not %v", tt.name, order, i, s.Local, s.Remote, tt.pairs[i])
					break
				}
			}
		}
	}
}
