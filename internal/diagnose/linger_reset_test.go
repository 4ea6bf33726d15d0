package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestLingerReset(t *testing.T) {
	counts := func(s *scene, aborts, resets, active uint64) {
		then, now := s.then.Namespaces[0].Counters, s.now.Namespaces[0].Counters
		for name, n := range map[string]uint64{"TcpExtTCPAbortOnData": aborts, "TcpOutRsts": resets, "TcpActiveOpens": active, "TcpPassiveOpens": 3} {
			then[name], now[name] = 70000, 70000+n
		}
	}
	seen := &host.Activity{Window: time.Second, By: "tracepoint", Outgoing: []host.Flow{
		{PID: 7, Name: "bench", NetNS: sceneNS, Remote: netip.MustParseAddrPort("10.0.0.2:80"), Opened: 195},
		{PID: 9, Name: "curl", NetNS: sceneNS, Remote: netip.MustParseAddrPort("10.0.0.3:80"), Opened: 2},
	}}
	s := newScene()
	s.process(7, "bench", host.Go)
	counts(s, 200, 200, 200)
	if f := lingerReset(examine(s.then, s.now, seen)); len(f) != 1 || len(f[0].blamed) != 1 || f[0].blamed[0].sockets != 0 || f[0].dests[0].Sockets != 0 {
		t.Errorf("connects are told as sockets: %+v", f)
	}
	runScenes(t, lingerReset, []sceneCase{
		{name: "F45", build: func(s *scene) { counts(s, 200, 200, 200) },
			want: []judged{{Notice, Likely, 0, "aborts resets opens"}}},
		{name: "F45 watched", seen: seen, build: func(s *scene) {
			s.process(7, "bench", host.Go)
			counts(s, 200, 200, 200)
		}, want: []judged{{Notice, Likely, 7, "aborts resets opens"}}},
		{name: "the one with TIME_WAIT closes properly", seen: seen, build: func(s *scene) {
			counts(s, 200, 200, 200)
			s.comes(s.many(3, tcp.TimeWait, "10.0.0.2:80", 0, nil)...)
		}, want: []judged{{Notice, Likely, 0, "aborts resets opens"}}},

		{name: "health checks", build: func(s *scene) { counts(s, 6, 6, 8) }},
		{name: "resets among much traffic", build: func(s *scene) { counts(s, 40, 40, 5000) }},
		{name: "refused connections only", build: func(s *scene) { counts(s, 0, 900, 0) }},
		{name: "one glance at a long life", single: true, build: func(s *scene) { counts(s, 1000, 1000, 1000) }},
	})
}
