package diagnose

import (
	"strings"
	"testing"

	"sockeye/internal/tcp"
)

// People paste what grep left over, without the listener: a port that many remote
// ends share is one that somebody listens on, whatever its number.
func TestServingUnlisted(t *testing.T) {
	c := clipOf("linux").process(812, "daemon").rows(10, tcp.CloseWait, 812, "192.0.2.7:43434", "198.51.100.%d:5%d00", 1)
	rep := c.tells(t)
	if len(rep.Findings) != 1 || rep.Findings[0].ID != "close-wait-leak" {
		t.Fatalf("%+v", rep.Findings)
	}
	f := rep.Findings[0]
	if said := f.Evidence[0].Fact; !strings.Contains(said, "accepted on port 43434") {
		t.Error(said)
	}
	if len(f.Destinations) > 0 {
		t.Errorf("clients are told as destinations: %v", f.Destinations)
	}
	for _, l := range rep.Limits {
		if l.ID == "ephemeral-ports" {
			t.Errorf("ports counted for what was accepted: %+v", l.Scope)
		}
	}
}

// Outgoing connections share local ports, too, when there are many: no listener
// is made of chance, nor of one service's ports.
func TestServingByChance(t *testing.T) {
	c := clipOf("linux")
	for d := range 4 { // every local port leads to four destinations
		c.rows(20000, tcp.Established, 9, "192.0.2.7:%d", "198.51.100."+string(rune('1'+d))+":443", 33000)
	}
	if s := examineAll(Input{Now: c.Snapshot}).spaces[0]; len(s.serving) > 0 {
		t.Errorf("%d listeners made up", len(s.serving))
	}
	c = clipOf("linux").rows(20, tcp.Established, 9, "192.0.2.7:40000", "198.51.100.%d:443", 1)
	if s := examineAll(Input{Now: c.Snapshot}).spaces[0]; len(s.serving) > 0 {
		t.Error("a listener made of connections to one service's port")
	}
}

// The evidence does not put on one port, or one destination, what stands at several.
func TestCloseWaitSpread(t *testing.T) {
	c := clipOf("linux").process(812, "java").
		rows(7, tcp.CloseWait, 812, "192.0.2.7:8445", "198.51.100.1:%d", 41000).
		rows(6, tcp.CloseWait, 812, "192.0.2.7:8080", "198.51.100.1:%d", 42000)
	said := c.tells(t).Findings[0].Evidence[0].Fact
	if !strings.Contains(said, "13 connections accepted on 2 ports (7 of them on port 8445)") {
		t.Error(said)
	}
	c = clipOf("linux").process(812, "java").rows(6, tcp.CloseWait, 812, "192.0.2.7:4000%d", "198.51.100.%d:443", 1)
	said = c.tells(t).Findings[0].Evidence[0].Fact
	if !strings.Contains(said, "6 connections to 6 destinations are") {
		t.Error(said)
	}
}

func TestNeighboursByWord(t *testing.T) {
	x := examineAll(Input{Now: clipOf("linux").Snapshot})
	next, wanted := x.neighboursByWord("neighbour: ndisc_cache: neighbor table overflow!")
	if next != 4096 || !strings.HasPrefix(wanted, "net.ipv6.neigh.default.gc_thresh3=4096 ") {
		t.Errorf("%d %q", next, wanted)
	}
	c := clipOf("linux")
	c.System.Settings["net.ipv4.neigh.default.gc_thresh3"] = "8192"
	if next, wanted = examineAll(Input{Now: c.Snapshot}).neighboursByWord("arp_cache: neighbor table overflow!"); next != 32768 || !strings.Contains(wanted, "ipv4") {
		t.Errorf("%d %q", next, wanted)
	}
}

// Connects without an answer, told by counts alone.
func TestCountedConnects(t *testing.T) {
	rep := clipOf("linux").counts(tcp.SynSent, 3597).counts(tcp.Established, 5124).tells(t)
	if len(rep.Findings) != 1 || rep.Findings[0].ID != "unreachable-destination" || rep.Verdict != Notice {
		t.Fatalf("%+v", rep.Findings)
	}
	for _, n := range []uint64{99, 500} {
		if rep := clipOf("linux").counts(tcp.SynSent, n).counts(tcp.Established, 5124).tells(t); len(rep.Findings) > 0 {
			t.Errorf("%d of 5,124 are a finding", n)
		}
	}
}

// A full table of connection tracking: no word of this machine's own connections
// where the text lists none, but of what the entries are.
func TestConntrackOfText(t *testing.T) {
	c := clipOf("linux").setting("net.netfilter.nf_conntrack_max", "1000")
	ns := c.Namespaces[0]
	ns.ConntrackCount.Value, ns.ConntrackCount.Known = 1000, true
	ns.Tracked = map[string]uint64{"TIME_WAIT": 900, "ESTABLISHED": 100}
	f := c.tells(t).Findings[0]
	var said []string
	for _, e := range f.Evidence {
		said = append(said, e.Fact)
	}
	all := strings.Join(said, "\n")
	if f.ID != "conntrack-full" || strings.Contains(all, "this machine itself") || !strings.Contains(all, "most of the listed entries are TIME_WAIT (900 of 1,000)") {
		t.Errorf("%s: %s", f.ID, all)
	}
	if got := c.tells(t).Totals.Tracked["TIME_WAIT"]; got != 900 {
		t.Errorf("%d tracked in TIME_WAIT", got)
	}
}

// Numbers from the tail of Poisson's distribution: ports × mean^k/k! × e^-mean.
func TestByChance(t *testing.T) {
	for _, tt := range []struct {
		all, ports int
		want       uint32
	}{{0, 28232, 3}, {10, 28232, 3}, {3500, 28232, 9}, {80_000, 28232, 27}} {
		if got := byChance(tt.all, tt.ports); got != tt.want {
			t.Errorf("%d connections on %d ports: %d at one, want %d", tt.all, tt.ports, got, tt.want)
		}
	}
	if got := byChance(16<<20, 28232); got < 1188 || got > 1600 {
		t.Errorf("sixteen million: %d at one", got)
	}
}
