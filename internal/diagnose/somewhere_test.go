package diagnose

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
)

// What a tracer counted without an address counts for its process; no finding
// names it, asks for it or advises about it.
func TestNowhereIsNoDestination(t *testing.T) {
	const v4, v6, dest = "0.0.0.0:0", "[::]:0", "10.0.0.2:3306"
	app := func() *pair { return newPair().process(812, "java", "jvm", 1) }
	noAddr := func(p *pair) *pair {
		p.seen.Failures[len(p.seen.Failures)-1].Addr = netip.AddrPort{}
		return p
	}
	scan := app().connects(812, "java", v6, 500, 500)
	for i := range 60 {
		scan.connects(812, "java", fmt.Sprintf("192.0.2.%d:445", i+1), 1, 1)
	}
	many := tracking(9900).connects(812, "java", dest, 100, 0).ends(host.Ends{Peer: 95}, time.Millisecond).
		connects(812, "java", v6, 900, 0).ends(host.Ends{Peer: 900}, time.Millisecond)
	for name, p := range map[string]*pair{
		"a storm":                    app().connects(812, "java", v6, 500, 500),
		"refused":                    app().connects(812, "java", v4, 500, 500).fails(812, "java", "connect", errCONNREFUSED, v4, 500),
		"refused, no address":        noAddr(app().fails(812, "java", "connect", errCONNREFUSED, dest, 500)),
		"no port":                    small("32768 32867").keep(established("10.0.0.1:32768", dest, 812)).fails(812, "java", "connect", errADDRNOTAVAIL, v6, 500),
		"no port at all":             noAddr(small("32768 32867").setting("net.ipv4.ip_local_reserved_ports", "32768-32867").fails(812, "java", "connect", errADDRNOTAVAIL, dest, 9)),
		"forbidden":                  noAddr(app().fails(812, "java", "connect", errPERM, dest, 5)),
		"forbidden, unspecified":     app().fails(812, "java", "connect", errPERM, v6, 5),
		"no address":                 app().fails(812, "java", "connect", errADDRNOTAVAIL, v6, 5),
		"a scan":                     scan,
		"resets":                     app().connects(812, "java", v6, 200, 0).ends(host.Ends{LocalLinger: 200}, time.Millisecond),
		"resets, by counters":        app().connects(812, "java", v6, 200, 0).counted("TcpExtTCPAbortOnData", 200).counted("TcpOutRsts", 200).counted("TcpActiveOpens", 200),
		"churn that rests elsewhere": many,
		"churn":                      app().keep(steady(dest, 100)...).connects(812, "java", v6, 100, 0).ends(host.Ends{Local: 95}, time.Millisecond),
	} {
		p.seen.Folded = 900
		rep := reportOf(t, p, "en")
		for _, f := range rep.Findings {
			for _, d := range f.Destinations {
				if a, err := netip.ParseAddr(d.Addr); err != nil || a.IsUnspecified() {
					t.Errorf("%s: %s names %q", name, f.ID, d.Addr)
				}
			}
			said := []string{f.Title, f.Explanation}
			for _, e := range f.Evidence {
				said = append(said, e.Fact)
			}
			for _, r := range f.Remedies {
				said = append(said, r.Title, r.Detail, string(r.Command))
			}
			for _, s := range said {
				if strings.HasSuffix(s, " to") {
					t.Errorf("%s: %s says %q", name, f.ID, s)
				}
				for _, bad := range []string{"[::]", " :: ", "0.0.0.0", "invalid", " to  ", " to :"} {
					if strings.Contains(s+" ", bad) {
						t.Errorf("%s: %s says %q", name, f.ID, s)
					}
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		pair *pair
		rule rule
		want []verdict
	}{
		{"resets count for the process", app().connects(812, "java", v6, 200, 0).ends(host.Ends{LocalLinger: 200}, time.Millisecond), lingerReset, []verdict{{Notice, Proven, 812, ""}}},
		{"failures without an address do", noAddr(app().fails(812, "java", "connect", errCONNREFUSED, dest, 500)), retryStorm, []verdict{{Warning, Proven, 812, ""}}},
		{"many destinations together are no storm at one", app().connects(812, "java", v6, 500, 500), retryStorm, nil},
		{"what did not fail may have gone there", app().connects(812, "java", dest, 50, 50).connects(812, "java", v6, 900, 0), retryStorm, nil},
		{"of another program it did not", app().connects(812, "java", dest, 50, 50).connects(813, "curl", v6, 900, 0), retryStorm, []verdict{{Warning, Proven, 812, dest}}},
		{"the named ones of a scan", scan, connectionScan, []verdict{{Warning, Proven, 812, ""}}},
	} {
		got := verdicts(c.rule(c.pair.examine()))
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if f := many.examine().churnElsewhere(); len(f) != 1 || f[0].values.Count != 100 || f[0].rests != 100*120 {
		t.Errorf("churn of the one destination that is known: %+v", f)
	}
}

// A destination of which not every connection was counted bounds nothing.
func TestFoldedIsAtLeast(t *testing.T) {
	const dest = "10.0.0.2:3306"
	p := newPair().keep(steady(dest, 100)...).connects(812, "java", dest, 5, 0)
	if b := p.examine().accounts[0]; b.rate != 5 {
		t.Errorf("rate %v where five were seen, want 5", b.rate)
	}
	p.seen.Folded = 95
	if b := p.examine().accounts[0]; b.rate != 100 {
		t.Errorf("rate %v where at least five were seen, want 100", b.rate)
	}
}

// What the watching did not see is said.
func TestBlindSpotsOfTheTracer(t *testing.T) {
	p := newPair().connects(812, "java", "10.0.0.2:80", 5, 0)
	for _, c := range []struct {
		name   string
		seen   host.Activity
		en, zh string // how the blind spot begins; "" for none
	}{
		{"all was seen", host.Activity{}, "", ""},
		{"the tracer ended", host.Activity{Cut: true}, "The 'sockeye trace' whose memory was used ended meanwhile", "所借用存储的 sockeye trace 中途结束了"},
		{"no room for connections", host.Activity{Forgotten: 3}, "Of 3 connections that began while the tracer watched, nobody remembers who opened them", "跟踪期间新建的连接中，有 3 条不知道是由谁打开的"},
		{"no room for addresses", host.Activity{Folded: 1}, "Of 1 connection it was counted who opened it, but not where to", "有 1 条连接只记下了由谁打开，没有记下连向哪里"},
	} {
		seen := c.seen
		seen.Window, seen.By, seen.Outgoing = time.Second, "tracepoint", p.seen.Outgoing
		p.seen = &seen
		for lang, want := range map[string]string{"en": c.en, "zh": c.zh} {
			got := reportOf(t, p, lang).BlindSpots
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].What != want) {
				t.Errorf("%s, %s: %+v, want %q", c.name, lang, got, want)
			}
		}
		if x := p.examine(); x.seenWhole() == seen.Cut {
			t.Errorf("%s: seen whole: %v", c.name, x.seenWhole())
		}
	}
}
