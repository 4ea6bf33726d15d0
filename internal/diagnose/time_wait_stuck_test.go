package diagnose

import (
	"testing"
	"time"

	"sockeye/internal/tcp"
)

func TestTimeWaitStuck(t *testing.T) {
	// then and now are the time left in each look; pace makes n such sockets.
	pace := func(s *pair, n int, then, now time.Duration) *pair {
		list := rows(n, 40000, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.TimeWait,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: then}})
		s.keep(list...)
		for i := len(s.now.Sockets) - n; i < len(s.now.Sockets); i++ {
			s.now.Sockets[i].Timer.Expires = now
			if s.before != nil {
				s.before.Sockets[i].Timer.Expires = then
			}
		}
		return s
	}
	noCookies := pace(newPair(), 40, 30*time.Second, 30*time.Second)
	for _, sn := range noCookies.looks() {
		for i := range sn.Sockets {
			sn.Sockets[i].Cookie = 0
		}
	}
	clockSet := pace(newPair(), 40, 30*time.Second, 29*time.Second)
	clockSet.now.TakenAt = clockSet.now.TakenAt.Add(time.Hour)
	testRule(t, timeWaitStuck, []ruleCase{
		{name: "frozen", looks: pace(newPair(), 40, 30*time.Second, 30*time.Second),
			want: []verdict{{Warning, Proven, 0, "10.0.0.2:80"}}, facts: []string{"frozen", "uptime"}},
		{name: "overdue and still there", looks: pace(newPair(), 40, 0, 0), want: []verdict{{Warning, Proven, 0, "10.0.0.2:80"}}},
		{name: "running down (H1, H3)", looks: pace(newPair(), 5000, 30*time.Second, 29*time.Second)},
		{name: "a few set back by a repeated FIN", looks: pace(pace(newPair(), 500, 30*time.Second, 29*time.Second), 30, 20*time.Second, 60*time.Second)},
		{name: "very many", looks: pace(newPair(), 9000, 30*time.Second, 30*time.Second), want: []verdict{{Warning, Proven, 0, "10.0.0.2:80"}}},
		{name: "few", looks: pace(newPair(), 10, 30*time.Second, 30*time.Second)},
		{name: "without cookies: may be new connections", looks: noCookies},
		{name: "the wall clock was set", looks: clockSet},
		{name: "one glance", looks: pace(newPair().oneGlance(), 40, 0, 30*time.Second)},
	})
}
