package diagnose

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// crowd is n sockets as a busy machine has them: a half accepted by a listener,
// a third resting in TIME_WAIT towards ten databases, the rest to many
// destinations, held by fifty processes.
func crowd(n int, at time.Time) *host.Snapshot {
	sn := emptyLook(at)
	for pid := int32(1); pid <= 50; pid++ {
		sn.Processes[pid] = &host.Process{PID: pid, PPID: 1, Name: fmt.Sprint("app", pid), NetNS: homeNS}
	}
	here := netip.MustParseAddr("10.0.0.1")
	sn.Sockets = make([]tcp.Socket, 0, n)
	sn.Sockets = append(sn.Sockets, tcp.Socket{Local: netip.AddrPortFrom(here, 80), NetNS: homeNS, State: tcp.Listen, PID: 1, Inode: 1, SendQ: 4096})
	for i := 1; i < n; i++ {
		sk := tcp.Socket{NetNS: homeNS, Cookie: uint64(i), Inode: uint64(1000 + i), PID: int32(i%50 + 1), State: tcp.Established}
		remote := netip.AddrFrom4([4]byte{172, byte(16 + i>>16), byte(i >> 8), byte(i)})
		port := uint16(32768 + i%28232)
		switch i % 6 {
		case 0, 1, 2:
			sk.Local, sk.Remote, sk.Port = netip.AddrPortFrom(here, 80), netip.AddrPortFrom(remote, port), tcp.PortBound
		case 3, 4:
			db := netip.AddrFrom4([4]byte{10, 0, byte(1 + i/28232), byte(i % 10)})
			sk.Local, sk.Remote, sk.Port = netip.AddrPortFrom(here, port), netip.AddrPortFrom(db, 3306), tcp.PortAuto
			sk.State, sk.PID, sk.Inode = tcp.TimeWait, 0, 0
			sk.Timer = tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Duration(i%6000) * 10 * time.Millisecond}
		default:
			sk.Local, sk.Remote, sk.Port = netip.AddrPortFrom(here, port), netip.AddrPortFrom(remote, 443), tcp.PortAuto
		}
		sn.Sockets = append(sn.Sockets, sk)
	}
	return sn
}

func BenchmarkExamine(b *testing.B) {
	book, err := knowledge.Open("en")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		draw  func(int, time.Time) *host.Snapshot
		sizes []int
	}{
		{"crowd", crowd, []int{1000, 10000, 100000, 1000000}},
		{"tenths", tenths, []int{100000, 200000, 400000}},
	} {
		for _, n := range c.sizes {
			in := Input{Before: c.draw(n, at), Now: c.draw(n, at.Add(time.Second))}
			b.Run(fmt.Sprint(c.name, "/", n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Examine(in, book); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/socket")
			})
		}
	}
}

// tenths is n standing connections to many destinations, each of which holds a
// little more than a tenth of its ports: growth is asked of every one.
func tenths(n int, at time.Time) *host.Snapshot {
	const each = 2900
	sn := emptyLook(at)
	sn.Processes[7] = &host.Process{PID: 7, PPID: 1, Name: "proxy", NetNS: homeNS}
	here := netip.MustParseAddr("10.0.0.1")
	sn.Sockets = make([]tcp.Socket, 0, n)
	for i := range n {
		dest := netip.AddrFrom4([4]byte{10, 1, byte(i / each >> 8), byte(i / each)})
		sn.Sockets = append(sn.Sockets, tcp.Socket{NetNS: homeNS, Cookie: uint64(i + 1), Inode: uint64(1000 + i), PID: 7, State: tcp.Established, Port: tcp.PortAuto,
			Local: netip.AddrPortFrom(here, uint16(32768+i%each)), Remote: netip.AddrPortFrom(dest, 443)})
	}
	return sn
}
