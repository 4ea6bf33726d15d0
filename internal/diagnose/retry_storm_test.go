package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/knowledge"
)

func TestRetryStorm(t *testing.T) {
	const db = "10.0.0.2:3306"
	app := func() *pair { return newPair().process(812, "node", "node", 10) }
	manyDead := app()
	for i := range 40 {
		manyDead.connects(812, "node", fmt.Sprintf("192.0.2.%d:443", i+1), 5, 5)
	}
	targets := app() // a monitor: each of twelve dead ones once a second, the live ones on standing connections
	for i := range 12 {
		at := fmt.Sprintf("192.0.2.%d:9100", i+1)
		targets.connects(812, "node", at, 1, 1).fails(812, "node", "connect", errCONNREFUSED, at, 1)
	}
	workers, gone, busy := newPair(), newPair(), app()
	for pid := int32(900); pid < 920; pid++ { // the processes are known, their sockets have gone
		workers.process(pid, "python3", "python", 0).connects(pid, "python3", db, 5, 5).fails(pid, "python3", "connect", errCONNREFUSED, db, 5)
		gone.connects(pid, "curl", db, 1, 1).fails(pid, "curl", "connect", errCONNREFUSED, db, 1)
	}
	for i := range 60 {
		busy.connects(812, "node", fmt.Sprintf("192.0.2.%d:9100", i+1), 10, 0)
	}
	busy.connects(812, "node", db, 50, 50)
	slow := app().connects(812, "node", db, 20, 20)
	slow.seen.Window = 10 * time.Second
	testRule(t, retryStorm, []ruleCase{
		{name: "refused 500 times a second", looks: app().connects(812, "node", db, 500, 500).fails(812, "node", "connect", errCONNREFUSED, db, 500).
			counted("TcpActiveOpens", 500).counted("TcpAttemptFails", 500),
			want: []verdict{{Warning, Proven, 812, db}}, facts: []string{"failed", "errno", "counters"}},
		{name: "no port left, at once", looks: app().fails(812, "node", "connect", errADDRNOTAVAIL, db, 300),
			want: []verdict{{Warning, Proven, 812, db}}},
		{name: "no route to it", looks: app().fails(812, "node", "connect", errNETUNREACH, db, 50),
			want: []verdict{{Warning, Proven, 812, db}}, facts: []string{"failed", "errno"}},
		{name: "the address was not seen", looks: func() *pair {
			p := app().fails(812, "node", "connect", errCONNREFUSED, db, 300)
			p.seen.Failures[0].Addr = netip.AddrPort{}
			return p
		}(), want: []verdict{{Warning, Proven, 812, ""}}},
		{name: "twenty workers, five a second each", looks: workers, want: []verdict{{Warning, Proven, 900, db}}, facts: []string{"failed", "errno"}},
		{name: "a program started anew for each try", looks: gone, want: []verdict{{Warning, Proven, 900, db}}},
		{name: "one dead destination among many live ones", looks: busy, want: []verdict{{Warning, Proven, 812, db}}},
		{name: "a monitor with dead targets", looks: targets},
		{name: "two a second for ten seconds", looks: slow},
		{name: "a busy client with some bad luck", looks: app().connects(812, "node", db, 1000, 20)},
		{name: "happy eyeballs without IPv6", looks: app().fails(812, "node", "connect", errNETUNREACH, "[2001:db8::1]:443", 100).
			connects(812, "node", "192.0.2.1:443", 100, 0)},
		{name: "a search, not a storm", looks: manyDead},
		{name: "a process that has gone", looks: newPair().connects(99, "sh", db, 50, 50),
			want: []verdict{{Warning, Proven, 99, db}}},
		{name: "counters alone", looks: app().counted("TcpActiveOpens", 500).counted("TcpAttemptFails", 480),
			want: []verdict{{Notice, Possible, 0, ""}}, facts: []string{"counters"}},
		{name: "counters of a server that is being scanned", looks: app().counted("TcpActiveOpens", 0).counted("TcpAttemptFails", 480)},
		{name: "counters of a proxy", looks: app().counted("TcpActiveOpens", 500).counted("TcpAttemptFails", 20)},
		{name: "one glance", looks: app().oneGlance()},
	})
}

// What to do, and what is said, depends on why and how fast connects fail.
func TestRetryStormWords(t *testing.T) {
	const db = "10.0.0.2:3306"
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		errno uint32
		n     uint64
		title string
		text  string
		cure  string
	}{
		{errCONNREFUSED, 500, "node keeps trying in vain, without a pause (500/s, 10.0.0.2:3306)", "nobody listens", "check-listener"},
		{errCONNREFUSED, 30, "node keeps trying to connect in vain (30/s, 10.0.0.2:3306)", "keeps trying, at 30/s", "check-listener"},
		{errNETUNREACH, 30, "node keeps trying to connect in vain (30/s, 10.0.0.2:3306)", "no route", "check-route"},
		{errHOSTUNREACH, 500, "node keeps trying in vain, without a pause (500/s, 10.0.0.2:3306)", "no way to reach", "check-route"},
		{errTIMEDOUT, 30, "node keeps trying to connect in vain (30/s, 10.0.0.2:3306)", "", "check-destination"},
	} {
		x := newPair().process(812, "node", "node", 10).fails(812, "node", "connect", c.errno, db, c.n).examine()
		got := retryStorm(x)
		if len(got) != 1 {
			t.Fatalf("errno %d: %d findings", c.errno, len(got))
		}
		w, err := x.inWords(got[0], book)
		if err != nil {
			t.Fatal(err)
		}
		if w.Title != c.title || !strings.Contains(w.Explanation, c.text) {
			t.Errorf("errno %d: %q\n%s\nwant %q, %q", c.errno, w.Title, w.Explanation, c.title, c.text)
		}
		if want := []string{"backoff", c.cure}; !slices.Equal(got[0].cures, want) {
			t.Errorf("errno %d: cures %v, want %v", c.errno, got[0].cures, want)
		}
	}
}
