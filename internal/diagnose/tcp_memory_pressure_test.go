package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestTCPMemoryPressure(t *testing.T) {
	pages := func(n uint64) func(*sketch) { return func(s *sketch) { s.System.TCPMemPages = host.Some(n) } }
	unread := func(sk *tcp.Socket) { sk.RecvQ = 4 << 20 }
	unsent := func(sk *tcp.Socket) { sk.SendQ = 1 << 20 }
	full := drawAll(drawProgram(7, "java", 60, 1024), drawProgram(8, "nginx", 60, 1024),
		drawSockets(20, 8, tcp.Established, "10.0.0.1:443", "10.0.0.8:%d", unsent),
		drawSockets(30, 7, tcp.Established, "10.0.0.1:%d", "10.0.0.9:9092", unread))
	judgeSketches(t, tcpMemoryPressure, []sketchCase{
		{name: "used up", before: pages(570000), now: drawAll(pages(575800), full, drawCounted("TcpExtTCPAbortOnMemory", 3)),
			want: []string{"critical proven pid:7,8 used,aborted,holder,holder,unread,unsent => bound-buffers,raise-tcp-mem"}},
		{name: "under pressure", now: drawAll(pages(400000), full),
			want: []string{"warning proven pid:7,8 used,holder,holder,unread,unsent => bound-buffers,raise-tcp-mem"}},
		{name: "entered and left again", before: pages(300000), now: drawAll(pages(300000), drawCounted("TcpExtTCPMemoryPressures", 1)),
			want: []string{"warning proven pid:- used,entered => bound-buffers,raise-tcp-mem"}},
		{name: "TCP has a quarter of the memory already", now: drawAll(drawSetting("net.ipv4.tcp_mem", "1400000 1500000 1600000"), pages(1500000)),
			want: []string{"warning proven pid:- used => bound-buffers"}},

		{name: "the reserve of very many sockets", now: drawAll(pages(400000), drawProgram(8, "push", 6000, 100000),
			drawSockets(5000, 8, tcp.Established, "10.0.0.1:443", "10.0.0.8:%d", func(sk *tcp.Socket) { sk.RecvQ = 100 })),
			want: []string{"warning proven pid:8 used,sockets,reserve,unread => fewer-connections,raise-tcp-mem"}},
		{name: "most sockets were not looked at", now: drawAll(pages(400000), func(s *sketch) { s.System.TCPAlloc = host.Some(90000) },
			drawProgram(8, "push", 6000, 100000), drawSockets(500, 8, tcp.Established, "10.0.0.1:443", "10.0.0.8:%d")),
			want: []string{"warning proven pid:- used => bound-buffers,raise-tcp-mem"}},

		{name: "H17: pruned and coalesced, no pressure", before: drawNothing, now: drawAll(drawCounted("TcpExtPruneCalled", 500), drawCounted("TcpExtTCPRcvCoalesce", 9000))},
		{name: "pressure since boot only", before: full, now: full},
		{name: "limit hidden", now: drawAll(drawSetting("net.ipv4.tcp_mem", ""), pages(9000000))},
	})
}
