package diagnose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// ends says how the flow that was added last ended, and how long its connections lived.
func (s *pair) ends(e host.Ends, lived time.Duration) *pair {
	c := &s.seen.Outgoing[len(s.seen.Outgoing)-1]
	c.Ends = e
	c.Lifetime = livedFor(ended(e), lived)
	return s
}

func livedFor(n uint64, d time.Duration) (h host.Histogram) {
	i := 0
	for us := d.Microseconds(); us > 1 && i < len(h)-1; us /= 2 {
		i++
	}
	h[i] = n
	return h
}

// serves adds connections that a program accepted.
func (s *pair) serves(pid int32, name string, port uint16, opened uint64, e host.Ends) *pair {
	s.watched()
	s.seen.Incoming = append(s.seen.Incoming, host.Flow{PID: pid, Name: name, NetNS: homeNS, Port: port, Opened: opened, Ends: e, Lifetime: livedFor(ended(e), time.Millisecond)})
	return s
}

func TestWhoClosedFirst(t *testing.T) {
	const dest = "10.0.0.2:3306"
	churn := func() *pair { // 1,000 in TIME_WAIT and one that lives
		return small("32768 33767").keep(resting2(dest, 0, 1000)...).keep(established("10.0.0.1:50000", dest, 812))
	}
	lives := func(local, peer int) *pair {
		p := churn()
		return p.remembered(func(i int, _ *tcp.Socket) *host.Life {
			l := p.opened(812, "java", nil)
			switch {
			case i < local:
			case i < local+peer:
				l.Closer = host.CloserPeer
			case i == 1000:
				l.Closer = host.CloserUnknown // it lives
			default:
				return nil
			}
			return l
		})
	}
	for _, c := range []struct {
		name   string
		pair   *pair
		en, zh string // "" for none
		kind   string
	}{
		{"all but two are remembered", lives(998, 0), "closed first from here: 998 of 998 whose closing was seen", "由本机先关闭的：看到了关闭过程的 998 条中有 998 条", ""},
		{"each one is", lives(1000, 0), "closed first from here: 1,000 of 1,000", "由本机先关闭的：1,000 条中有 1,000 条", ""},
		{"a few that crossed", lives(990, 10), "closed first from here: 990 of 1,000", "由本机先关闭的：1,000 条中有 990 条", ""},
		{"more than cross", lives(940, 60), "closed first from here: 940 of 1,000", "由本机先关闭的：1,000 条中有 940 条", "mixed"},
		{"just more than half", lives(510, 490), "closed first from here: 510 of 1,000", "由本机先关闭的：1,000 条中有 510 条", "mixed"},
		{"what does not fit is not claimed", lives(10, 900), "", "", "unclear"},
		{"nor half and half", lives(500, 500), "", "", "unclear"},
		{"by what was seen in the window", churn().connects(812, "java", dest, 100, 0).ends(host.Ends{Local: 90, PeerReset: 2}, time.Millisecond),
			"closed first from here: 90 of 92 that ended within 1 s", "由本机先关闭的：1 秒内结束的 92 条中有 90 条", ""},
		{"the peers close first, now", churn().connects(812, "java", dest, 100, 0).ends(host.Ends{Local: 10, Peer: 80}, time.Millisecond), "", "", ""},
		{"to another destination", churn().connects(812, "java", "10.0.0.3:80", 100, 0).ends(host.Ends{Local: 90}, time.Millisecond), "", "", ""},
		{"nobody watched", churn(), "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for lang, want := range map[string]string{"en": c.en, "zh": c.zh} {
				for _, f := range reportOf(t, c.pair, lang).Findings {
					if f.ID != "short-lived-connections" && f.ID != "port-exhaustion" {
						continue
					}
					said := ""
					for _, e := range f.Evidence {
						for _, start := range []string{"closed first", "由本机先关闭的"} {
							if len(e.Fact) > len(start) && e.Fact[:len(start)] == start {
								said = e.Fact
							}
						}
					}
					if said != want {
						t.Errorf("%s: %q, want %q", f.ID, said, want)
					}
				}
			}
			f := shortLivedConnections(c.pair.examine())
			if len(f) != 1 || f[0].values.Kind != c.kind {
				t.Fatalf("findings %+v, want one of kind %q", f, c.kind)
			}
			tellAll(t, c.pair, f)
		})
	}

	// Nothing is said of all where it is true of some.
	for lang, want := range map[string][]string{
		"en": {"are in TIME_WAIT: opened here, 51% closed first from here, gone within 60 s", "mostly closes it first"},
		"zh": {"处于 TIME_WAIT：由本机发起，其中 51% 由本机先关闭，60 秒内消失", "多数由自己先关闭"},
	} {
		for _, f := range reportOf(t, lives(510, 490), lang).Findings {
			if f.ID == "short-lived-connections" && (!strings.Contains(f.Evidence[0].Fact, want[0]) || !strings.Contains(f.Explanation, want[1])) {
				t.Errorf("%s: %q\n%s", lang, f.Evidence[0].Fact, f.Explanation)
			}
		}
	}
}

// Of destinations that are told together the least sure one counts.
func TestChurnTogetherIsAsSureAsItsLeast(t *testing.T) {
	const a, b = "10.0.0.2:3306", "10.0.0.3:3306"
	proven := func(p *pair, dest string) *pair {
		return p.keep(steady(dest, 100)...).connects(812, "java", dest, 100, 0).ends(host.Ends{Local: 95}, time.Millisecond)
	}
	app := func() *pair { return newPair().process(812, "java", "jvm", 1) }
	for _, c := range []struct {
		name string
		pair *pair
		want Certainty
	}{
		{"both proven", proven(proven(app(), a), b), Proven},
		{"one seen in the act only", proven(app(), a).keep(steady(b, 100)...).connects(812, "java", b, 100, 0), Likely},
		{"one a left-over", proven(app(), a).keep(resting2(b, 0, 6000)...), Possible},
		{"a left-over and one seen in the act", app().keep(steady(a, 100)...).keep(resting2(b, 0, 6000)...), Possible},
	} {
		got := shortLivedConnections(c.pair.examine())
		if len(got) != 1 || got[0].values.Dests != 2 || got[0].certainty != c.want {
			t.Errorf("%s: %+v, want one of two destinations, %s", c.name, got, c.want)
		}
	}
}

// What was seen in the act, from its opening to its end, is proven.
func TestChurnIsProven(t *testing.T) {
	const dest = "10.0.0.2:3306"
	churn := func(opened, failed uint64, e host.Ends, lived time.Duration) *pair {
		return newPair().process(812, "java", "jvm", 1).keep(steady(dest, 100)...).keep(established("10.0.0.1:50000", dest, 812)).
			connects(812, "java", dest, opened, failed).ends(e, lived)
	}
	testRule(t, shortLivedConnections, []ruleCase{
		{name: "opened, used and closed from here", looks: churn(100, 0, host.Ends{Local: 95}, 3*time.Millisecond),
			want: []verdict{{Notice, Proven, 812, dest}}, facts: []string{"time-wait", "established", "closed-seen", "rate"}},
		{name: "most of what was opened lasts", looks: churn(100, 0, host.Ends{Local: 40}, 3*time.Millisecond), want: []verdict{{Notice, Likely, 812, dest}}},
		{name: "what failed does not count as opened", looks: churn(100, 60, host.Ends{Local: 30}, 3*time.Millisecond), want: []verdict{{Notice, Proven, 812, dest}}},
		{name: "long sessions that end", looks: churn(30, 0, host.Ends{Local: 40}, time.Minute), want: []verdict{{Notice, Likely, 812, dest}}},
		{name: "the peers close first", looks: churn(100, 0, host.Ends{Local: 40, Peer: 55}, 3*time.Millisecond), want: []verdict{{Notice, Likely, 812, dest}}},
		{name: "a handful", looks: churn(10, 0, host.Ends{Local: 10}, 3*time.Millisecond), want: []verdict{{Notice, Likely, 812, dest}}},
	})
}

// tracking is a machine whose connection tracking holds so many entries of 10,000.
func tracking(entries uint64) *pair {
	p := newPair().process(812, "java", "jvm", 1).setting("net.netfilter.nf_conntrack_max", "10000")
	for _, sn := range p.looks() {
		sn.Namespaces[0].ConntrackCount = host.Some(entries)
	}
	return p
}

// Connections that rest elsewhere are told only where they fill what is nearly full.
func TestChurnElsewhere(t *testing.T) {
	const api = "10.0.0.2:443"
	peer := host.Ends{Peer: 95}
	calls := func(p *pair) *pair {
		return p.connects(812, "java", api, 100, 0).ends(peer, 30*time.Millisecond)
	}
	many := tracking(9900)
	for i := range 30 {
		many.connects(812, "java", fmt.Sprintf("192.0.2.%d:443", i+1), 25, 0).ends(host.Ends{Peer: 25}, time.Millisecond)
	}
	both := func(over uint64) *pair { // server and client on one machine, and no room for TIME_WAIT
		p := newPair().process(812, "java", "jvm", 1).setting("net.ipv4.tcp_max_tw_buckets", "1000").counted("TcpExtTCPTimeWaitOverflow", over)
		return calls(p)
	}
	told := calls(tracking(9900).setting("net.ipv4.ip_local_port_range", "32768 33767")).keep(resting2(api, 0, 600)...)
	testRule(t, shortLivedConnections, []ruleCase{
		{name: "the peers close first, and connection tracking is full of it", looks: calls(tracking(9900)),
			want: []verdict{{Notice, Proven, 812, api}}, facts: []string{"opened", "closed-there"}},
		{name: "to many destinations", looks: many, want: []verdict{{Notice, Proven, 812, "192.0.2.1:443"}}},
		{name: "closed from here, and no room for TIME_WAIT", looks: both(40).ends(host.Ends{Local: 95}, time.Millisecond),
			want: []verdict{{Notice, Proven, 812, api}}, facts: []string{"opened", "closed-seen"}},
		{name: "told for its TIME_WAIT already", looks: told, want: []verdict{{Notice, Possible, 812, api}}},
		{name: "nothing is near its wall", looks: calls(tracking(100))},
		{name: "no connection tracking", looks: calls(newPair().process(812, "java", "jvm", 1))},
		{name: "room for TIME_WAIT", looks: both(0)},
		{name: "too few to fill it", looks: tracking(99000).setting("net.netfilter.nf_conntrack_max", "100000").connects(812, "java", api, 30, 0).ends(host.Ends{Peer: 30}, time.Millisecond)},
		{name: "long sessions", looks: tracking(9900).connects(812, "java", api, 100, 0).ends(host.Ends{Peer: 95}, time.Hour)},
		{name: "they stay", looks: tracking(9900).connects(812, "java", api, 100, 0)},
		{name: "accepted ones are the clients' doing", looks: tracking(9900).serves(812, "nginx", 80, 2000, host.Ends{Local: 1900})},
	})

	causes := func(p *pair) []string {
		for _, f := range reportOf(t, p, "en").Findings {
			if f.ID == "conntrack-full" {
				return f.Causes
			}
		}
		return nil
	}
	if d := cmp.Diff([]string{"short-lived-connections"}, causes(calls(tracking(9900)))); d != "" {
		t.Errorf("causes of conntrack-full (-want +got):\n%s", d)
	}
}
