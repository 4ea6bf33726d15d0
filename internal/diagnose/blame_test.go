package diagnose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sockeye/internal/tcp"
)

// share is what a test compares of a culprit.
type share struct {
	PID     int32
	Sockets int
	By      string
}

func shares(list []blamed) []share {
	var out []share
	for _, b := range list {
		out = append(out, share{b.pid, b.sockets, b.by})
	}
	return out
}

func TestBlame(t *testing.T) {
	const dest, other = "10.0.0.2:3306", "10.0.0.3:80"
	tw := func(n int, remote string) []row {
		return rows(n, 40000, row{local: "10.0.0.1:1", remote: remote, state: tcp.TimeWait})
	}
	for _, c := range []struct {
		name string
		pair *pair
		want []share
	}{
		{"owners", newPair().keep(rows(3, 50000, established("10.0.0.1:1", dest, 7))...).keep(established("10.0.0.1:60000", other, 8)),
			[]share{{7, 3, "owner"}, {8, 1, "owner"}}},
		{"TIME_WAIT goes to who connects there, seen", newPair().keep(tw(100, dest)...).connects(7, "a", dest, 30, 0).connects(8, "b", dest, 10, 0).connects(9, "c", other, 500, 0),
			[]share{{7, 75, "connect-events"}, {8, 25, "connect-events"}}},
		{"else to who holds a connection there", newPair().keep(tw(100, dest)...).keep(established("10.0.0.1:50000", dest, 7), established("10.0.0.1:50001", other, 8)),
			[]share{{7, 101, "same-destination"}, {8, 1, "owner"}}},
		{"held in the first look only", newPair().keep(tw(10, dest)...).lost(established("10.0.0.1:50000", dest, 7)),
			[]share{{7, 10, "same-destination"}}},
		{"nobody knows", newPair().keep(tw(10, dest)...), nil},
		{"the later look replaces the earlier", newPair().keep(tw(10, dest)...).lost(established("10.0.0.1:50000", dest, 7)).add(established("10.0.0.1:50001", dest, 8)),
			[]share{{8, 11, "same-destination"}}},
	} {
		x := c.pair.examine()
		var all []*tcp.Socket
		for i := range c.pair.now.Sockets {
			all = append(all, &c.pair.now.Sockets[i])
		}
		if d := cmp.Diff(c.want, shares(x.blame(all))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// However sockets and claims fall, the parts never add up to more than the
// whole, and where every socket has an owner or a claim, to the whole.
func TestBlameAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair().watched()
		remotes := []string{"10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"}
		claimed := map[string]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "claims") {
			r := rapid.SampledFrom(remotes[:2]).Draw(t, "claimed")
			claimed[r] = true
			p.connects(int32(rapid.IntRange(1, 5).Draw(t, "pid")), "x", r, uint64(rapid.IntRange(1, 1000).Draw(t, "weight")), 0)
		}
		whole := 0
		for i := range rapid.IntRange(1, 200).Draw(t, "sockets") {
			r := rapid.SampledFrom(remotes).Draw(t, "remote")
			pid := int32(rapid.IntRange(0, 3).Draw(t, "owner"))
			p.keep(row{local: rows(1, uint16(10000+i), row{local: "10.0.0.1:1"})[0].local, remote: r, state: tcp.FinWait1, pid: pid})
			if pid != 0 || claimed[r] {
				whole++
			}
		}
		x := p.examine()
		var all []*tcp.Socket
		for i := range p.now.Sockets {
			all = append(all, &p.now.Sockets[i])
		}
		sum, part := 0, 0.0
		for _, b := range x.blame(all) {
			n := 0
			for _, c := range b.byState {
				n += c
			}
			if n != b.sockets {
				t.Fatalf("pid %d: %d sockets, %d by state", b.pid, b.sockets, n)
			}
			sum += b.sockets
			part += b.share
		}
		if sum < whole || sum > len(all) {
			t.Fatalf("%d sockets blamed of %d, %d of them with evidence", sum, len(all), whole)
		}
		if part > 1+1e-9 {
			t.Fatalf("shares add up to %v", part)
		}
	})
}

// How a culprit was found does not depend on the order in which a map is walked:
// of several ways the weakest is named.
func TestBlameNamesTheWeakestWay(t *testing.T) {
	p := newPair().connects(7, "seen", "10.0.0.2:80", 5, 0)
	p.keep(established("10.0.0.1:50000", "10.0.0.3:80", 7), established("10.0.0.1:50001", "10.0.0.4:80", 7))
	for i, remote := range []string{"10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"} {
		p.keep(rows(10, uint16(40000+100*i), row{local: "10.0.0.1:1", remote: remote, state: tcp.TimeWait})...)
	}
	var all []*tcp.Socket
	for i := range p.now.Sockets {
		all = append(all, &p.now.Sockets[i])
	}
	for range 50 {
		got := p.examine().blame(all)
		if d := cmp.Diff([]share{{7, 32, "same-destination"}}, shares(got)); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		if got[0].name != "seen" {
			t.Fatalf("named %q, want the name that was seen", got[0].name)
		}
	}
}
