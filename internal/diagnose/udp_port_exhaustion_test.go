package diagnose

import (
	"testing"

	"sockeye/internal/host"
)

func TestUDPPortExhaustion(t *testing.T) {
	udp := func(n int) func(*sketch) {
		return drawAll(func(s *sketch) { s.ns().UDPInUse = host.Some(uint64(n)) },
			drawProgram(7, "java", 30000, 65536), drawProgram(8, "named", 60, 1024),
			func(s *sketch) { s.Processes[7].UDP, s.Processes[8].UDP = n-12, 12 })
	}
	judgeSketches(t, udpPortExhaustion, []sketchCase{
		{name: "no room", before: udp(28000), now: udp(28232),
			want: []string{"warning possible pid:7 used,growing,holder => share-udp-socket,widen-port-range"}},
		{name: "near in one glance", now: udp(24000), want: []string{"warning possible pid:7 used,holder => share-udp-socket,widen-port-range"}},
		{name: "the range cannot be widened", now: drawAll(udp(55000), drawSetting("net.ipv4.ip_local_port_range", "10240 65535")),
			want: []string{"warning possible pid:7 used,holder => share-udp-socket"}},

		{name: "many", now: udp(9000)},
		{name: "range unknown", now: drawAll(udp(28232), drawSetting("net.ipv4.ip_local_port_range", ""))},
	})
}
