package diagnose

import (
	"testing"

	"sockeye/internal/tcp"
)

func TestSelfConnect(t *testing.T) {
	const self = "127.0.0.1:40100"
	testRule(t, selfConnect, []ruleCase{
		{name: "established", looks: newPair().process(812, "ruby", "ruby", 1).keep(established(self, self, 812)),
			want: []verdict{{Warning, Proven, 812, self}}, facts: []string{"same-ends", "in-range"}},
		{name: "closed again", looks: newPair().keep(row{local: self, remote: self, state: tcp.TimeWait}),
			want: []verdict{{Notice, Proven, 0, self}}},
		{name: "below the range", looks: newPair().keep(established("127.0.0.1:6379", "127.0.0.1:6379", 812)),
			want: []verdict{{Warning, Proven, 812, "127.0.0.1:6379"}}, facts: []string{"same-ends"}},
		{name: "both ends on this machine (H19, H20)", looks: newPair().
			keep(established("127.0.0.1:40100", "127.0.0.1:6379", 812), established("127.0.0.1:6379", "127.0.0.1:40100", 900))},
	})
}
