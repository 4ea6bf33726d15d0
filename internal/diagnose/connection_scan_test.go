package diagnose

import (
	"fmt"
	"testing"

	"sockeye/internal/tcp"
)

func TestConnectionScan(t *testing.T) {
	app := func() *pair { return newPair().process(66, "worm", "", 100) }
	answering := func(s *pair, n int, port int) *pair {
		for i := range n {
			s.keep(established(fmt.Sprintf("10.0.0.1:%d", 50000+i), fmt.Sprintf("203.0.113.%d:%d", i+1, port), 66))
		}
		return s
	}
	watchedScan := app()
	for i := range 80 {
		watchedScan.connects(66, "worm", fmt.Sprintf("192.0.2.%d:445", i+1), 1, 1)
	}
	answeredScan := app()
	for i := range 80 {
		answeredScan.connects(66, "worm", fmt.Sprintf("192.0.2.%d:445", i+1), 3, uint64(i%5/4))
	}
	halfInVain := app()
	for i := range 80 {
		halfInVain.connects(66, "worm", fmt.Sprintf("192.0.2.%d:445", i+1), 1, uint64(min(i%3, 1)))
	}
	testRule(t, connectionScan, []ruleCase{
		{name: "a crawler whose servers close first: nearly all answered", looks: answeredScan},
		{name: "most failed, some answered", looks: halfInVain, want: []verdict{{Warning, Proven, 66, ""}}, facts: []string{"seen", "answered"}},
		{name: "sixty new ones", looks: app().add(eachTo(60, "192.0.2.%d:445", 66, 0)...),
			want: []verdict{{Warning, Likely, 66, "192.0.2.1:445"}}, facts: []string{"waiting", "more", "fresh", "answered"}},
		{name: "sixty without an answer, one glance", looks: app().oneGlance().add(eachTo(60, "192.0.2.%d:445", 66, 1)...),
			want: []verdict{{Warning, Likely, 66, "192.0.2.1:445"}}},
		{name: "one glance", looks: app().oneGlance().add(eachTo(60, "192.0.2.%d:445", 66, 0)...),
			want: []verdict{{Notice, Possible, 66, "192.0.2.1:445"}}},
		{name: "seen, too fast for the table", looks: watchedScan, want: []verdict{{Warning, Proven, 66, ""}}},
		{name: "a browser restores its tabs", looks: app().add(eachTo(30, "192.0.2.%d:443", 66, 0)...)},
		{name: "a crawler: most answer", looks: answering(app().add(eachTo(60, "192.0.2.%d:443", 66, 0)...), 40, 443)},
		{name: "file sharing: as many ports as machines", looks: app().add(func() (out []row) {
			for i := range 100 {
				r := waiting(fmt.Sprintf("192.0.2.%d:%d", i+1, 6000+i), 66, 1)
				r.local = fmt.Sprintf("10.0.0.1:%d", 40000+i)
				out = append(out, r)
			}
			return out
		}()...)},
		{name: "many sockets to one machine", looks: app().add(rows(200, 40000, waiting("192.0.2.1:445", 66, 1))...)},
		{name: "outgoing TIME_WAIT to many (H2)", looks: func() *pair {
			s := app()
			for i := range 200 {
				s.keep(row{local: fmt.Sprintf("10.0.0.1:%d", 40000+i), remote: fmt.Sprintf("192.0.2.%d:443", i+1), state: tcp.TimeWait})
			}
			return s
		}()},
	})
}

// Ten destinations are listed, in the order of their addresses, and all are counted.
func TestScanCountsWhatItDoesNotList(t *testing.T) {
	s := newPair().process(66, "worm", "", 100).keep(eachTo(145, "192.0.2.%d:445", 66, 3)...)
	got := connectionScan(s.examine())
	if len(got) != 1 {
		t.Fatalf("%d findings, want 1", len(got))
	}
	if f := got[0]; len(f.dests) != 10 || f.values.Dests != 145 || f.values.Count != 145 {
		t.Errorf("%d listed, %d destinations, %d machines", len(f.dests), f.values.Dests, f.values.Count)
	}
	for i, d := range got[0].dests {
		if want := fmt.Sprintf("192.0.2.%d", i+1); d.Addr != want {
			t.Errorf("destination %d is %s, want %s", i, d.Addr, want)
		}
	}
	tellAll(t, s, got)
}

func TestScanIsNotToldTwice(t *testing.T) {
	s := newPair().process(66, "worm", "", 100).keep(eachTo(80, "192.0.2.%d:445", 66, 3)...)
	if got := unreachableDestination(s.examine()); len(got) != 0 {
		t.Errorf("a scan's dead ends were told as %d unreachable destinations too", len(got))
	}
}
