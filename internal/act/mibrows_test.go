package act

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/tcp"
)

// mibBytes makes a table of rows, each of hexadecimal digits and filled up with 0xee.
func mibBytes(t testing.TB, count string, rows ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(count + "eeeeeeee")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		r, err := hex.DecodeString(strings.ReplaceAll(row, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(b, r...), slices.Repeat([]byte{0xee}, mibRow-len(r))...)
	}
	return b
}

// One connection from 127.0.0.1:38771 to :33177 of process 32, made at a time.
const mibExample = "05000000 7f000001 9773eeee 7f000001 8199eeee 20000000 0011223344556677"

func TestMIBRows(t *testing.T) {
	s := tcp.Socket{
		Local: netip.MustParseAddrPort("127.0.0.1:38771"), Remote: netip.MustParseAddrPort("127.0.0.1:33177"),
		PID: 32, Cookie: 0x7766554433221100,
	}
	rows, err := mibRows(mibBytes(t, "02000000", mibExample, "02000000 00000000 07e80000 00000000 00000000 04000000 0000000000000000"))
	if err != nil || len(rows) != 2 || !rows[0].is(&s) || rows[1].is(&s) {
		t.Fatalf("%+v, %v", rows, err)
	}
	if rows[1].local != netip.MustParseAddrPort("0.0.0.0:2024") || rows[1].pid != 4 {
		t.Errorf("%+v", rows[1])
	}
	for name, change := range map[string]func(*tcp.Socket){
		"another owner": func(s *tcp.Socket) { s.PID++ }, "made later": func(s *tcp.Socket) { s.Cookie++ },
		"another port": func(s *tcp.Socket) { s.Remote = netip.AddrPortFrom(s.Remote.Addr(), 1) },
	} {
		other := s
		if change(&other); rows[0].is(&other) {
			t.Errorf("%s: taken for the same", name)
		}
	}
	row := mibDelete(&s)
	if got := hex.EncodeToString(row[:]); got != "0c0000007f000001977300007f00000181990000" {
		t.Errorf("SetTcpEntry is given %s", got)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "one row of two": mibBytes(t, "02000000", mibExample), "half a row": mibBytes(t, "01000000", mibExample)[:100],
		"too many": mibBytes(t, "ffffffff", mibExample), "a number alone": {1, 0, 0, 0},
	} {
		if rows, err := mibRows(b); err == nil {
			t.Errorf("%s: %+v", name, rows)
		}
	}
	if rows, err := mibRows([]byte{0, 0, 0, 0}); err != nil || len(rows) != 0 {
		t.Errorf("an empty table: %v, %v", rows, err)
	}
}

func FuzzMIBRows(f *testing.F) {
	f.Add(mibBytes(f, "01000000", mibExample))
	f.Add(mibBytes(f, "00000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := mibRows(b)
		if err == nil && len(rows)*mibRow > len(b) {
			t.Errorf("%d rows of %d bytes", len(rows), len(b))
		}
		for _, r := range rows {
			// What was read is found again, and asked for by the same ends.
			s := tcp.Socket{Local: r.local, Remote: r.remote, PID: int32(r.pid), Cookie: r.created}
			row := mibDelete(&s)
			if !r.is(&s) || mibEnd(row[4:12]) != r.local || mibEnd(row[12:20]) != r.remote {
				t.Errorf("%+v", r)
			}
		}
	})
}
