package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/knowledge"
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
		{"one after the other, as one destination gets them", clipOf("linux").rows(700, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 20000).
			rows(300, tcp.TimeWait, 0, "10.0.0.5:%d", "10.0.0.8:5432", 45000), 20000, 60999, rangeSeen},
		{"a few that a program bound itself", clipOf("linux").rows(150, tcp.Established, 9, "10.0.0.5:%d", mysql, 20000).
			rows(5000, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 40000), 32768, 60999, rangeAssumed},
		{"the default is full, and others were bound", clipOf("linux").rows(300, tcp.Established, 9, "10.0.0.5:%d", mysql, 20000).
			rows(28232, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 32768), 32768, 60999, rangeAssumed},
		{"far more than the default, without a gap", clipOf("linux").rows(60000, tcp.TimeWait, 0, "10.0.0.5:%d", mysql, 1024), 1024, 61023, rangeSeen},
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

// A range that was concluded from the ports in use proves no shortage: old kernels,
// and programs that choose their own ports, leave such blocks too.
func TestSeenRangeIsNoProof(t *testing.T) {
	for _, st := range []tcp.State{tcp.TimeWait, tcp.Established} {
		x := examine(nil, clipOf("linux").rows(400, st, 0, "10.0.0.5:%d", "10.0.0.9:3306", 20000).Snapshot, nil)
		got := portExhaustion(x)
		if len(got) != 1 || got[0].severity != Notice || got[0].certainty != Possible || got[0].facts[1].key != "usable-seen" {
			t.Errorf("%s: %+v, want a possible notice", st, got)
		}
	}
}

// One mask may stand for many destinations, each with all the ports.
func TestMaskedDestinationIsNoAlarm(t *testing.T) {
	x := examine(nil, clipOf("linux").rows(28000, tcp.TimeWait, 0, "10.0.0.5:%d", "x.x.x.x#443", 32768).Snapshot, nil)
	got := portExhaustion(x)
	if len(got) != 1 || got[0].severity != Notice || got[0].certainty != Possible {
		t.Errorf("%+v, want a possible notice", got)
	}
}

// A listener for each of a million addresses on one port must not be looked through
// for every connection, and the exact address goes before the wildcard.
func TestListenerOf(t *testing.T) {
	s := examine(nil, clipOf("linux").one(tcp.Listen, 1, "0.0.0.0:80", "").one(tcp.Listen, 2, "10.0.0.5:80", "").Snapshot, nil).spaces[0]
	for local, pid := range map[string]int32{"10.0.0.5:80": 2, "10.0.0.6:80": 1} {
		if l := s.listener(netip.MustParseAddrPort(local)); l == nil || l.PID != pid {
			t.Errorf("%s: %+v, want the one of pid %d", local, l, pid)
		}
	}
	if l := s.listener(netip.MustParseAddrPort("10.0.0.5:81")); l != nil {
		t.Errorf("%+v", l)
	}
}

// Thousands of findings of one kind are counted and not told one by one.
func TestFindingsOfAKindAreBounded(t *testing.T) {
	c := clipOf("linux")
	for i := range 200 {
		c.Sockets = append(c.Sockets, tcp.Socket{Local: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80), State: tcp.Listen,
			PID: int32(i + 1), NetNS: 1, RecvQ: 129, SendQ: 128})
	}
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Examine(Input{Now: c.Snapshot}, book)
	if err != nil {
		t.Fatal(err)
	}
	told := slices.ContainsFunc(rep.BlindSpots, func(b BlindSpot) bool { return strings.HasPrefix(b.What, "150 more findings ") })
	if len(rep.Findings) != findingsOfAKind || !told {
		t.Errorf("%d findings, %+v", len(rep.Findings), rep.BlindSpots)
	}
}
