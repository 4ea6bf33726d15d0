package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestConntrackFull(t *testing.T) {
	small := drawSetting("net.netfilter.nf_conntrack_max", "1000")
	entries := func(n uint64) func(*sketch) {
		return drawAll(small, func(s *sketch) { s.ns().ConntrackCount = host.Some(n) })
	}
	drops := func(drop, early uint64) func(*sketch) {
		return func(s *sketch) {
			s.System.Conntrack = host.ConntrackStats{Drop: host.Some(drop), EarlyDrop: host.Some(early), InsertFailed: host.Some(drop * 3)}
		}
	}
	churn := drawAll(drawProgram(7, "java", 60, 1024), drawSockets(3, 7, tcp.Established, "10.0.0.1:%d", "10.0.0.2:3306"),
		drawSockets(400, 0, tcp.TimeWait, "10.0.0.1:%d", "10.0.0.2:3306"))
	judgeSketches(t, conntrackFull, []sketchCase{
		{name: "full and dropping", before: drawAll(entries(990), drops(5, 0)), now: drawAll(entries(1000), drops(25, 0), churn),
			want: []string{"critical proven pid:7 used,dropped,growing,own => reuse-connections,raise-conntrack,shorter-conntrack"}},
		{name: "pushing out entries", before: drawAll(entries(970), drops(0, 1)), now: drawAll(entries(970), drops(0, 9)),
			want: []string{"critical proven pid:- used,evicted,own => raise-conntrack,shorter-conntrack"}},
		{name: "nearly full of forwarded flows", now: entries(960),
			want: []string{"critical possible pid:- used,own => raise-conntrack,shorter-conntrack"}},
		{name: "four fifths and growing", before: entries(800), now: drawAll(entries(820), drawSetting("net.netfilter.nf_conntrack_tcp_timeout_established", "3600")),
			want: []string{"warning likely pid:- used,growing,own => raise-conntrack"}},

		{name: "H18: more entries than sockets", now: drawAll(entries(700), churn)},
		{name: "drops since boot, with room", before: drawAll(entries(100), drops(70, 0)), now: drawAll(entries(100), drops(90, 0))},
		{name: "no limit", now: drawAll(entries(900), drawSetting("net.netfilter.nf_conntrack_max", "0"))},
		{name: "not loaded", now: func(s *sketch) { s.ns().ConntrackCount = host.Opt{} }},
	})
}
