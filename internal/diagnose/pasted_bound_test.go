package diagnose

import (
	"net/netip"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Bound sockets that are only counted: what connections do not explain is told,
// with those that hold it.
func TestCountedBound(t *testing.T) {
	look := func(system string, counted map[tcp.State]uint64, owners ...host.CountedOwner) *host.Snapshot {
		return &host.Snapshot{
			Machine: host.Machine{OS: system}, Source: host.Source{Kind: host.Paste, SocketsBy: "text"},
			Namespaces: []*host.NetNS{{Inode: 1, Settings: host.Settings{}, Counters: host.Counters{}}},
			Processes:  map[int32]*host.Process{812: {PID: 812, Name: "shop", UDP: -1, NetNS: 1}}, Counted: counted, CountedOwners: owners,
		}
	}
	type counts = map[tcp.State]uint64
	for _, tt := range []struct {
		name     string
		now      *host.Snapshot
		severity Severity // "": no finding
		count    uint64
		pid      int32
	}{
		{"a program leaks", look("windows", counts{tcp.Bound: 2029, tcp.Established: 60, tcp.Listen: 12},
			host.CountedOwner{PID: 4, State: tcp.Listen, Count: 12}, host.CountedOwner{PID: 812, State: tcp.Bound, Count: 1990}, host.CountedOwner{PID: 900, State: tcp.Bound, Count: 39}),
			Notice, 1969, 812},
		{"half of the range", look("windows", counts{tcp.Bound: 9000, tcp.TimeWait: 100}), Warning, 8900, 0},
		{"beside each connection one", look("windows", counts{tcp.Bound: 2029, tcp.Established: 1000, tcp.TimeWait: 1000}), "", 0, 0},
		{"another system", look("linux", counts{tcp.Bound: 2029}), "", 0, 0},
	} {
		x := examine(nil, tt.now, nil)
		f := x.crowdedBound()
		switch {
		case f == nil && tt.severity == "":
		case f == nil || f.severity != tt.severity || f.values.Count != tt.count:
			t.Errorf("%s: %+v", tt.name, f)
		case tt.pid == 0 && len(f.blamed) != 0, tt.pid != 0 && (len(f.blamed) != 1 || f.blamed[0].pid != tt.pid || f.blamed[0].name != "shop"):
			t.Errorf("%s: blamed %+v", tt.name, f.blamed)
		}
	}
}

// An address in a message that the table knows as another machine's was no
// bind()'s: who listens on that port here has nothing to do with it.
func TestMessageNamesPeer(t *testing.T) {
	peer, own := netip.MustParseAddrPort("198.51.100.9:445"), netip.MustParseAddrPort("192.0.2.5:445")
	sn := &host.Snapshot{
		Machine: host.Machine{OS: "windows"}, Source: host.Source{Kind: host.Paste, SocketsBy: "text"},
		Namespaces: []*host.NetNS{{Inode: 1, Settings: host.Settings{}, Counters: host.Counters{}}}, Processes: map[int32]*host.Process{},
		Sockets: []tcp.Socket{{NetNS: 1, State: tcp.Listen, Local: netip.MustParseAddrPort("0.0.0.0:445"), PID: 4}, {NetNS: 1, State: tcp.TimeWait, Local: netip.MustParseAddrPort("192.0.2.5:49731"), Remote: peer}},
	}
	x := examine(nil, sn, nil)
	for end, want := range map[string]bool{peer.String(): false, own.String(): true, "0.0.0.0:445": true} {
		sym := host.Symptom{Code: "WSAEADDRINUSE", Count: 1, Endpoints: []host.SymptomEnd{{Addr: netip.MustParseAddrPort(end), Name: end}}}
		if got := x.listenerShown(&sym) != nil; got != want {
			t.Errorf("%s: a listener is blamed: %v", end, got)
		}
	}
}
