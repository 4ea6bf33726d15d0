package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestOrphanLimit(t *testing.T) {
	orphans := func(n uint64) func(*sketch) { return func(s *sketch) { s.System.TCPOrphans = host.Some(n) } }
	unsent := func(sk *tcp.Socket) {
		sk.SendQ, sk.Orphan, sk.Timer = 9000, true, tcp.Timer{Kind: tcp.TimerOn, Retries: 4}
	}
	left := drawAll(drawProgram(7, "haproxy", 60, 1024), drawListener(7, "0.0.0.0:443", 0, 511),
		drawSockets(70, 0, tcp.FinWait1, "10.0.0.1:443", "198.51.100.7:%d", unsent),
		drawSockets(20, 0, tcp.LastAck, "10.0.0.1:443", "198.51.100.8:%d", func(sk *tcp.Socket) { sk.SendQ = 1 }))
	judgeSketches(t, orphanLimit, []sketchCase{
		{name: "reset for it", before: orphans(60000), now: drawAll(orphans(65738), left, drawCounted("TcpExtTCPAbortOnMemory", 7)),
			want: []string{"critical proven pid:7 used,aborted,growing,finishing,unsent => orphan-retries,raise-max-orphans"}},
		{name: "over the limit", now: drawAll(orphans(140000), left),
			want: []string{"critical proven pid:7 used,finishing,unsent => orphan-retries,raise-max-orphans"}},
		{name: "half of it", now: orphans(70000), want: []string{"critical possible pid:- used => orphan-retries,raise-max-orphans"}},
		{name: "a quarter, growing, already shortened", before: drawAll(orphans(33000), drawSetting("net.ipv4.tcp_orphan_retries", "1")),
			now:  drawAll(orphans(34000), drawSetting("net.ipv4.tcp_orphan_retries", "1")),
			want: []string{"warning likely pid:- used,growing => raise-max-orphans"}},

		{name: "H7 and H13: a few", before: orphans(8), now: drawAll(orphans(90), left)},
		{name: "TIME_WAIT are no orphans", now: drawSockets(40000, 0, tcp.TimeWait, "10.0.0.1:443", "198.51.100.7:%d")},
		{name: "H21: inside another namespace the limit is hidden", now: drawAll(orphans(70000), drawSetting("net.ipv4.tcp_max_orphans", ""))},
	})
}
