package cli

import (
	"testing"

	"sockeye/internal/host"
)

// The commands of a plan enter a namespace by what the user typed.
func TestAsAsked(t *testing.T) {
	processes := map[int32]uint64{4711: 7, 4712: 8}
	inspect := func(pid int32) (*host.Process, []host.BlindSpot) {
		if ns, ok := processes[pid]; ok {
			return &host.Process{PID: pid, NetNS: ns}, nil
		}
		return nil, nil
	}
	for _, tt := range []struct {
		asked, name, wantName string
		wantPID               int32
	}{
		{"4711", "", "", 4711},
		{"4711", "blue", "", 4711},
		{"4712", "", "", 12},           // it lives elsewhere by now
		{"4713", "", "", 12},           // it has ended
		{"4711", "4711", "4711", 12},   // a name of digits
		{"blue", "blue", "blue", 12},   // the name that is known
		{"green", "blue", "green", 12}, // a second one
		{"self", "", "", 12},
		{"", "", "", 12},
		{"99999999999", "", "", 12},
	} {
		before := &host.NetNS{Inode: 7, Name: tt.name, PID: 12}
		sn := &host.Snapshot{Namespaces: []*host.NetNS{before}}
		asAsked(sn, tt.asked, inspect)
		if got := sn.Namespaces[0]; got.Name != tt.wantName || got.PID != tt.wantPID || got.Inode != 7 {
			t.Errorf("%q of %q: %q, %d", tt.asked, tt.name, got.Name, got.PID)
		}
		if before.Name != tt.name || before.PID != 12 {
			t.Errorf("%q: the other look was changed: %+v", tt.asked, before)
		}
	}
	empty := &host.Snapshot{}
	asAsked(empty, "4711", inspect)
	if len(empty.Namespaces) != 0 {
		t.Error("a namespace of nothing")
	}
}
