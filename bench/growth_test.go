package main

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// machine is a snapshot of that many sockets: half of them held by ten programs,
// half in TIME_WAIT, to as many destinations as keep each below a tenth of its ports.
func machine(sockets int) *host.Snapshot {
	const programs, netns = 10, 4026531840
	perDest := 2_000
	sn := &host.Snapshot{
		TakenAt: time.Unix(1_700_000_000, 0), Took: time.Millisecond,
		Machine: host.Machine{Name: "bench", OS: "linux", Kernel: "6.18.0", Uptime: time.Hour, InitialNetNS: netns},
		Source:  host.Source{Kind: host.Live, SocketsBy: "bpf-iter", OwnersBy: "bpf-iter"},
		Namespaces: []*host.NetNS{{Inode: netns, Self: true, Settings: host.Settings{
			"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_max_tw_buckets": "4000000"}}},
		Processes: map[int32]*host.Process{}, Sharers: map[uint64][]int32{},
		Sockets: make([]tcp.Socket, 0, sockets),
	}
	for i := range programs {
		pid := int32(1000 + i)
		sn.Processes[pid] = &host.Process{PID: pid, PPID: 1, Name: fmt.Sprintf("program%d", i), NetNS: netns,
			Sockets: sockets / 2 / programs, UDP: -1}
	}
	local := netip.MustParseAddr("10.0.0.1")
	for i := range sockets {
		dest := i / perDest
		s := tcp.Socket{NetNS: netns, State: tcp.Established, Port: tcp.PortAuto,
			Local:  netip.AddrPortFrom(local, uint16(32768+i%perDest)),
			Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(dest >> 8), byte(dest)}), 443)}
		if i%2 == 0 {
			s.State, s.Timer = tcp.TimeWait, tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 30 * time.Second}
		} else {
			s.Inode, s.Cookie, s.PID = uint64(i), uint64(i), int32(1000+i/2%programs)
		}
		sn.Sockets = append(sn.Sockets, s)
	}
	return sn
}

// BenchmarkDiagnose shows how a whole diagnosis of one glance grows.
func BenchmarkDiagnose(b *testing.B) {
	book, err := knowledge.Open("en")
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(thousands(n), func(b *testing.B) {
			sn := machine(n)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if _, err := diagnose.Examine(diagnose.Input{Now: sn}, book); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/socket")
		})
	}
}
