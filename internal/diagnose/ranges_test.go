package diagnose

import (
	"testing"

	"sockeye/internal/tcp"
)

// What the ports in use tell of a range that the text does not tell.
func TestRangeOfPortsInUse(t *testing.T) {
	const mysql = "10.0.0.9:3306"
	tests := []struct {
		name      string
		c         clip
		low, high uint16
		by        rangeSource
	}{
		{"the default holds", clipOf("linux").rows(5000, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 40000), 32768, 60999, rangeAssumed},
		{"a small range, all of it", clipOf("linux").rows(200, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 20000), 20000, 20199, rangeSeen},
		{"below and above the service's own port", clipOf("linux").rows(38976, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 1024), 1024, 39999, rangeSeen},
		{"a few that a program bound itself", clipOf("linux").rows(150, tcp.Established, 9, "10.0.0.5:%d", mysql, 20000).
			rows(5000, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 40000), 32768, 60999, rangeAssumed},
		{"the default is full, and others were bound", clipOf("linux").rows(300, tcp.Established, 9, "10.0.0.5:%d", mysql, 20000).
			rows(28232, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 32768), 32768, 60999, rangeAssumed},
		{"accepted connections tell nothing", clipOf("linux").one(tcp.Listen, 9, "0.0.0.0:443", "").
			rows(5000, tcp.TimeWait, 0, "10.0.0.5:443", "192.0.2.7:%d", 20000), 32768, 60999, rangeAssumed},
		{"nor where the listener is not shown", clipOf("linux").
			rows(5000, tcp.TimeWait, 0, "10.0.0.5:8443", "192.0.2.7:%d", 1024), 32768, 60999, rangeAssumed},
		{"Windows before Vista", clipOf("windows").rows(900, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 1100), 1025, 5000, rangeSeen},
		{"Windows, widened downwards", clipOf("windows").rows(900, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 12000), 12000, 65535, rangeSeen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := examine(nil, tt.c.Snapshot, nil).spaces[0]
			if s.low != tt.low || s.high != tt.high || s.rangeBy != tt.by {
				t.Errorf("%d–%d by %q, want %d–%d by %q", s.low, s.high, s.rangeBy, tt.low, tt.high, tt.by)
			}
		})
	}
}

// A range that was concluded from the ports in use proves no shortage.
func TestSeenRangeIsNoProof(t *testing.T) {
	x := examine(nil, clipOf("linux").rows(200, tcp.TimeWait, 0, "10.0.0.5:%d", "10.0.0.9:3306", 20000).Snapshot, nil)
	got := portExhaustion(x)
	if len(got) != 1 || got[0].severity != Warning || got[0].certainty != Likely {
		t.Errorf("%+v, want one likely warning", got)
	}
}
