package diagnose

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

func TestResetsSeen(t *testing.T) {
	const dest, other = "10.0.0.2:80", "10.0.0.3:80"
	app := func() *pair { return newPair().process(7, "bench", host.Go, 1) }
	calls := func(p *pair, remote string, n uint64, e host.Ends) *pair {
		return p.connects(7, "bench", remote, n, 0).ends(e, time.Millisecond)
	}
	counters := func(p *pair) *pair {
		return p.counted("TcpExtTCPAbortOnData", 200).counted("TcpOutRsts", 200).counted("TcpActiveOpens", 200).counted("TcpPassiveOpens", 0)
	}
	workers := newPair()
	for pid := int32(900); pid < 910; pid++ { // ten of one program, each too little
		workers.process(pid, "php-fpm", host.PHP, 0).connects(pid, "php-fpm", dest, 5, 0).ends(host.Ends{LocalLinger: 5}, time.Millisecond)
	}
	lost := counters(calls(app(), dest, 200, host.Ends{Local: 200}))
	lost.seen.Lost = 1
	slow := calls(app(), dest, 100, host.Ends{LocalLinger: 100})
	slow.seen.Window = 10 * time.Second
	testRule(t, lingerReset, []ruleCase{
		{name: "SO_LINGER 0", looks: counters(calls(app(), dest, 200, host.Ends{LocalLinger: 195, PeerReset: 5})),
			want: []verdict{{Notice, Proven, 7, dest}}, facts: []string{"linger"}},
		{name: "without the counters", looks: calls(app(), dest, 200, host.Ends{LocalLinger: 195}), want: []verdict{{Notice, Proven, 7, dest}}},
		{name: "the workers of one program", looks: workers, want: []verdict{{Notice, Proven, 900, dest}}},
		{name: "a server", looks: app().serves(7, "bench", 8080, 300, host.Ends{LocalLinger: 290}), want: []verdict{{Notice, Proven, 7, ""}}},
		{name: "closed with data unread is another mistake", looks: counters(calls(app(), dest, 200, host.Ends{LocalReset: 180, Peer: 10})),
			want: []verdict{{Notice, Likely, 7, dest}}, facts: []string{"unread"}},
		{name: "both, mostly linger", looks: calls(app(), dest, 300, host.Ends{LocalLinger: 180, LocalReset: 80}), want: []verdict{{Notice, Proven, 7, dest}}},
		{name: "ends were not watched: the counters tell", looks: counters(app().connects(7, "bench", dest, 200, 0)),
			want: []verdict{{Notice, Likely, 7, dest}}, facts: []string{"aborts", "resets", "opens"}},
		{name: "some ends were not seen: the counters tell", looks: lost,
			want: []verdict{{Notice, Likely, 7, dest}}, facts: []string{"aborts", "resets", "opens"}},
		{name: "to one destination, while others are closed well", looks: calls(calls(app(), dest, 60, host.Ends{LocalLinger: 60}), other, 400, host.Ends{Local: 380, LocalLinger: 20}),
			want: []verdict{{Notice, Proven, 7, dest}}},

		{name: "what was watched refutes the counter", looks: counters(calls(app(), dest, 200, host.Ends{Local: 200}))},
		{name: "a server's clients send what nobody reads", looks: app().serves(7, "bench", 8080, 300, host.Ends{LocalReset: 290})},
		{name: "the peers reset", looks: calls(app(), dest, 200, host.Ends{PeerReset: 200})},
		{name: "health checks: a few a second", looks: slow},
		{name: "a few among many", looks: calls(app(), dest, 900, host.Ends{LocalLinger: 100, Local: 800})},
		{name: "nobody accepted them", looks: app().serves(0, "", 8080, 300, host.Ends{LocalLinger: 290})},
	})
}

// Each kind says what it is, who does it and from which line.
func TestResetsSeenWords(t *testing.T) {
	const dest, other = "10.0.0.2:80", "10.0.0.3:80"
	code := []host.Site{site(codeAt("main.ask", "ask.go", 5), 9)}
	for _, c := range []struct {
		ends   host.Ends
		en, zh string
		cure   string
	}{
		{host.Ends{LocalLinger: 100}, "by SO_LINGER with a time of 0", "做法是把 SO_LINGER 的时间设成了 0", "no-linger-zero"},
		{host.Ends{LocalReset: 100}, "while data from the other side lies unread", "数据还没读完", "drain-before-close"},
	} {
		p := newPair().process(7, "bench", host.Go, 1).connects(7, "bench", other, 40, 0).ends(c.ends, time.Millisecond).
			connects(7, "bench", dest, 150, 0).ends(c.ends, time.Millisecond).connects(8, "curl", other, 9, 0).ends(host.Ends{Local: 9}, time.Millisecond)
		p.seen.Outgoing[0].Ends.Local = 30
		p.seen.Outgoing[1].Stacks, p.seen.Outgoing[1].Ends.Local = code, 2
		x := p.examine()
		got := lingerReset(x)
		if len(got) != 1 || got[0].cures[0] != c.cure {
			t.Fatalf("%+v: %+v", c.ends, got)
		}
		f := got[0]
		if d := cmp.Diff([]Destination{{"10.0.0.2", 80, 0}, {"10.0.0.3", 80, 0}}, f.dests); d != "" {
			t.Errorf("destinations (-want +got):\n%s", d)
		}
		if len(f.blamed) != 1 || f.blamed[0].sockets != 0 || f.blamed[0].share != 1 {
			t.Errorf("blamed %+v", f.blamed)
		}
		if d := cmp.Diff([]string{"main.ask:5 9"}, inLines(x.culprit(&f.blamed[0]).Code)); d != "" {
			t.Errorf("code (-want +got):\n%s", d)
		}
		for lang, want := range map[string]string{"en": c.en, "zh": c.zh} {
			book, err := knowledge.Open(lang)
			if err != nil {
				t.Fatal(err)
			}
			if w, err := x.inWords(f, book); err != nil || !strings.Contains(w.Explanation, want) || strings.Contains(w.Explanation, "most likely") || strings.Contains(w.Explanation, "多半") {
				t.Errorf("%s: %q, want %q (%v)", lang, w.Explanation, want, err)
			}
		}
	}
}
