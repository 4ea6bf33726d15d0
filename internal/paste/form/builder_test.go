package form

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// A million names are not kept: those beyond the bound share masks.
func TestNamesMost(t *testing.T) {
	b := NewBuilder(time.Time{})
	const beyond = 4 * namesMost
	for i := range namesMost + beyond {
		name := address([]byte("h" + strconv.Itoa(i) + ".example.net"))
		b.Socket(tcp.Socket{Local: netip.AddrPortFrom(name, 1), Remote: netip.AddrPortFrom(name, 2)})
	}
	names, masks := map[string]int{}, map[string]int{}
	for i := range b.Sockets {
		zone := b.Sockets[i].Remote.Addr().Zone()
		if b.Sockets[i].Local.Addr().Zone() != zone {
			t.Fatalf("%v and %v were one name", b.Sockets[i].Local, b.Sockets[i].Remote)
		}
		if strings.HasPrefix(zone, "***") {
			masks[zone]++
		} else {
			names[zone]++
		}
	}
	most := 0
	for _, n := range masks {
		most = max(most, n)
	}
	if len(names) != namesMost || len(masks) > namesMost || most > 10*beyond/namesMost {
		t.Errorf("%d names, %d masks, %d sockets behind one", len(names), len(masks), most)
	}
	if !toldBlind(b, "paste-names-many") {
		t.Error("that names were not kept is not said")
	}
}

func TestProcessesMost(t *testing.T) {
	b := NewBuilder(time.Time{})
	for pid := int32(1); pid <= ProcessesMost+1000; pid++ {
		if p := b.Process(pid, "p"); p.PID != pid {
			t.Fatalf("process %d is %d", pid, p.PID)
		}
		b.Nameless("n" + strconv.Itoa(int(pid)))
	}
	if len(b.Processes) != ProcessesMost || len(b.named) > ProcessesMost {
		t.Errorf("%d processes, %d without a pid", len(b.Processes), len(b.named))
	}
	if !toldBlind(b, "paste-processes-many") {
		t.Error("that processes were not kept is not said")
	}
}

// toldBlind: the builder says that something was not seen.
func toldBlind(b *Builder, code string) bool {
	return slices.ContainsFunc(b.Snapshot().BlindSpots, func(s host.BlindSpot) bool { return s.Code == code })
}
