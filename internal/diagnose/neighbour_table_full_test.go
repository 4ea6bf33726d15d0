package diagnose

import (
	"net/netip"
	"testing"

	"sockeye/internal/host"
)

func TestNeighbourTableFull(t *testing.T) {
	known := func(n, refused uint64) func(*sketch) {
		return func(s *sketch) {
			s.System.Neighbours[0].Entries, s.System.Neighbours[0].Full = host.Some(n), host.Some(refused)
		}
	}
	cures := " => fewer-neighbours,raise-neighbours"
	refusedTo := func(addr string) []host.Failure {
		return []host.Failure{{PID: 3, Call: "connect", Errno: errNOBUFS, Addr: netip.MustParseAddrPort(addr), Count: 4}}
	}
	judgeSketches(t, neighbourTableFull, []sketchCase{
		{name: "refusing", before: known(1020, 4), now: known(1024, 90), want: []string{"critical proven pid:- used,refused,growing" + cures}},
		{name: "connects fail with ENOBUFS", now: known(1024, 90), seen: refusedTo("10.0.0.9:80"),
			want: []string{"critical proven pid:- used,failed" + cures}},
		{name: "they fail with room left", now: known(900, 90), seen: refusedTo("10.0.0.9:80"), want: []string{"warning likely pid:- used,failed" + cures}},
		{name: "IPv4 connects fail beside a full IPv6 table", now: func(s *sketch) { s.System.Neighbours[1].Entries = host.Some(1024) }, seen: refusedTo("10.0.0.9:80"),
			want: []string{"warning possible pid:- used" + cures}},
		{name: "IPv6 connects fail", now: func(s *sketch) { s.System.Neighbours[1].Entries = host.Some(1024) }, seen: refusedTo("[2001:db8::9]:80"),
			want: []string{"critical proven pid:- used,failed" + cures}},
		{name: "growing", before: known(800, 0), now: known(900, 0), want: []string{"warning likely pid:- used,growing" + cures}},
		{name: "near in one glance", now: known(900, 0), want: []string{"warning possible pid:- used" + cures}},
		{name: "IPv6", now: func(s *sketch) { s.System.Neighbours[1].Entries = host.Some(1000) }, want: []string{"warning possible pid:- used" + cures}},

		{name: "many", now: known(700, 0)},
		{name: "refused since boot, none now", before: known(300, 90), now: known(300, 90)},
		{name: "thresholds hidden", now: drawAll(known(5000, 0), drawSetting("net.ipv4.neigh.default.gc_thresh3", ""))},
	})
}
