package diagnose

import (
	"fmt"
	"testing"
	"time"
)

func TestRetryStorm(t *testing.T) {
	const db = "10.0.0.2:3306"
	app := func() *pair { return newPair().process(812, "node", "node", 10) }
	manyDead := app()
	for i := range 40 {
		manyDead.connects(812, "node", fmt.Sprintf("192.0.2.%d:443", i+1), 5, 5)
	}
	slow := app().connects(812, "node", db, 20, 20)
	slow.seen.Window = 10 * time.Second
	testRule(t, retryStorm, []ruleCase{
		{name: "refused 500 times a second", looks: app().connects(812, "node", db, 500, 500).fails(812, "node", "connect", errCONNREFUSED, db, 500).
			counted("TcpActiveOpens", 500).counted("TcpAttemptFails", 500),
			want: []verdict{{Warning, Proven, 812, db}}, facts: []string{"failed", "errno", "counters"}},
		{name: "no port left, at once", looks: app().fails(812, "node", "connect", errADDRNOTAVAIL, db, 300),
			want: []verdict{{Warning, Proven, 812, db}}},
		{name: "two a second for ten seconds", looks: slow},
		{name: "a busy client with some bad luck", looks: app().connects(812, "node", db, 1000, 20)},
		{name: "happy eyeballs without IPv6", looks: app().fails(812, "node", "connect", errNETUNREACH, "[2001:db8::1]:443", 100).
			connects(812, "node", "192.0.2.1:443", 100, 0)},
		{name: "a search, not a storm", looks: manyDead},
		{name: "a process that has gone", looks: newPair().connects(99, "sh", db, 50, 50),
			want: []verdict{{Warning, Proven, 99, db}}},
		{name: "counters alone", looks: app().counted("TcpActiveOpens", 500).counted("TcpAttemptFails", 480),
			want: []verdict{{Warning, Likely, 0, ""}}, facts: []string{"counters"}},
		{name: "counters of a server that is being scanned", looks: app().counted("TcpActiveOpens", 0).counted("TcpAttemptFails", 480)},
		{name: "counters of a proxy", looks: app().counted("TcpActiveOpens", 500).counted("TcpAttemptFails", 20)},
		{name: "one glance", looks: app().oneGlance()},
	})
}
