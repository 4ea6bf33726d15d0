package collect

import (
	"context"
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// fakeSource gives sockets, then fails.
type fakeSource struct {
	label   string
	cookies []uint64
	err     error
}

func (f *fakeSource) name() string { return f.label }
func (f *fakeSource) close()       {}
func (f *fakeSource) read(_ context.Context, t *table) error {
	for _, c := range f.cookies {
		t.add(&tcp.Socket{Cookie: c, State: tcp.Established}, false)
	}
	return f.err
}

// TestFallBack: half a table is no table.
func TestFallBack(t *testing.T) {
	broken := errors.New("gone wrong")
	for _, c := range []struct {
		name    string
		sources []source
		want    []uint64
		spots   []host.BlindSpot
		err     error
	}{
		{"first works", []source{&fakeSource{"bpf-iter", []uint64{1, 2}, nil}, &fakeSource{"sock_diag", []uint64{3}, nil}},
			[]uint64{1, 2}, nil, nil},
		{"first fails midway", []source{&fakeSource{"bpf-iter", []uint64{1}, broken}, &fakeSource{"sock_diag", []uint64{3, 4}, nil}},
			[]uint64{3, 4}, []host.BlindSpot{{Code: "source-fell-back", Subject: "netns 5", Err: "gone wrong", Count: 1}}, nil},
		{"interrupted twice", []source{&fakeSource{"sock_diag", []uint64{3}, errInterrupted}, &fakeSource{"procfs", nil, nil}},
			[]uint64{3}, []host.BlindSpot{{Code: "dump-interrupted", Subject: "netns 5", Err: errInterrupted.Error(), Count: 1}}, nil},
		{"none works", []source{&fakeSource{"procfs", []uint64{1}, broken}}, nil, nil, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &look{blind: &blindness{}, sources: c.sources}
			tab := &table{netns: 5}
			if err := l.sockets(context.Background(), tab, false); !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			var got []uint64
			for _, s := range tab.sockets {
				got = append(got, s.Cookie)
			}
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("sockets (-want +got):\n%s", diff)
			}
			var spots []host.BlindSpot
			for _, s := range l.blind.list() {
				if s.Code != "bound-sockets-unseen" {
					spots = append(spots, s)
				}
			}
			if diff := gocmp.Diff(c.spots, spots); diff != "" {
				t.Errorf("blind spots (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEmptyNamespace: what is known to be empty is not asked for.
func TestEmptyNamespace(t *testing.T) {
	l := &look{blind: &blindness{}, sources: []source{&fakeSource{"procfs", []uint64{1}, nil}}}
	tab := &table{netns: 5}
	if err := l.sockets(context.Background(), tab, true); err != nil || len(tab.sockets) != 0 {
		t.Errorf("%v, %d sockets", err, len(tab.sockets))
	}
}

// TestSettle: a socket that was loose when its descriptor was read and stands
// in a table by now is that of the table.
func TestSettle(t *testing.T) {
	o := newOwners("bpf-iter")
	o.hold(1, 10)
	o.hold(2, 10)
	o.hold(2, 11)
	o.hold(3, 10)
	o.loose = []tcp.Socket{
		{Inode: 2, NetNS: 5, State: tcp.Bound}, {Inode: 3, NetNS: 5, State: tcp.Closed}, {Inode: 4, NetNS: 6, State: tcp.Closed},
	}
	tables := []*table{{netns: 5, sockets: []tcp.Socket{{Inode: 2, State: tcp.Listen}, {Inode: 1, State: tcp.Established}, {State: tcp.TimeWait}, {Inode: 99}}}}
	sn := &host.Snapshot{Sharers: map[uint64][]int32{}}
	loose, counts := o.settle(sn, tables, map[uint64]bool{5: true})
	if diff := gocmp.Diff([]tcp.Socket{{Inode: 3, NetNS: 5, State: tcp.Closed, PID: 10}}, loose, addrs); diff != "" {
		t.Errorf("loose (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(map[int32]int{10: 3, 11: 1}, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(map[uint64][]int32{2: {10, 11}}, sn.Sharers); diff != "" {
		t.Errorf("sharers (-want +got):\n%s", diff)
	}
	var pids []int32
	for _, s := range tables[0].sockets {
		pids = append(pids, s.PID)
	}
	if diff := gocmp.Diff([]int32{10, 10, 0, 0}, pids); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}
