package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestTimeWaitBucketsFull(t *testing.T) {
	tw := func(n uint64) func(*sketch) { return func(s *sketch) { s.ns().TimeWait = host.Some(n) } }
	low := drawSetting("net.ipv4.tcp_max_tw_buckets", "5000")
	server := drawAll(drawProgram(7, "nginx", 60, 1024), drawListener(7, "0.0.0.0:80", 0, 511), drawSockets(60, 0, tcp.TimeWait, "10.0.0.1:80", "10.0.0.9:%d"))
	client := drawAll(drawProgram(8, "java", 60, 1024), drawSockets(2, 8, tcp.Established, "10.0.0.1:%d", "10.0.0.2:3306"),
		drawSockets(60, 0, tcp.TimeWait, "10.0.0.1:%d", "10.0.0.2:3306"))
	overflow := drawCounted("TcpExtTCPTimeWaitOverflow", 40)
	unsummed := func(s *sketch) { s.ns().TimeWait = host.Opt{} } // without /proc/net/sockstat
	judgeSketches(t, timeWaitBucketsFull, []sketchCase{
		{name: "lowered and full", before: low, now: drawAll(low, tw(5000), overflow, server),
			want: []string{"warning proven pid:7 used,overflow => restore-settings"}},
		{name: "full by outgoing connections", before: low, now: drawAll(low, tw(5000), overflow, client),
			want: []string{"warning proven pid:8 used,overflow => reuse-connections,restore-settings"}},
		{name: "lowered, and the sockets are not seen", before: low, now: drawAll(low, tw(5000), overflow),
			want: []string{"warning proven pid:- used,overflow,lowered => restore-settings"}},
		{name: "at the limit in one glance", now: drawAll(tw(131072), server),
			want: []string{"warning proven pid:7 used => raise-tw-buckets"}},
		{name: "overflowed below the sum that is read later", before: drawNothing, now: drawAll(tw(120000), overflow),
			want: []string{"warning proven pid:- used,overflow => raise-tw-buckets"}},
		{name: "close to it", now: drawAll(tw(120000), server),
			want: []string{"notice possible pid:7 used => raise-tw-buckets"}},

		{name: "counted by nobody, and that many are seen", now: drawAll(drawSetting("net.ipv4.tcp_max_tw_buckets", "60"), tw(0), unsummed, server),
			want: []string{"warning proven pid:7 used => restore-settings"}},
		{name: "counted by nobody, and few are seen", now: drawAll(tw(0), unsummed, server)},

		{name: "H1: thousands at a listener", before: server, now: drawAll(tw(28000), server)},
		{name: "H3: a steady churn", before: client, now: drawAll(tw(30000), client)},
		{name: "overflows since boot, none now", before: overflow, now: overflow},
		{name: "limit 0 and nobody waiting", now: drawAll(drawSetting("net.ipv4.tcp_max_tw_buckets", "0"), tw(0))},
	})

	x := examine(nil, sketchOf(drawAll(low, tw(5000), server)), nil)
	if f := timeWaitBucketsFull(x)[0]; len(f.causes) != 1 || f.causes[0] != "harmful-setting" {
		t.Errorf("a lowered limit is its own cause: %v", f.causes)
	}
	if got := harmfulSetting(x); len(got) != 1 {
		t.Errorf("the cause is not told: %d findings", len(got))
	}
}
