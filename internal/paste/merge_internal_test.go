package paste

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/paste/sample"
	"sockeye/internal/tcp"
)

// rowsOf writes sockets as /proc/net/tcp does not: tests say what they mean.
func rowsOf(state tcp.State, from, to int, remote string) (rows []tcp.Socket) {
	for port := from; port < to; port++ {
		s := tcp.Socket{State: state}
		s.Local, s.Remote = sample.Ends(fmt.Sprintf("10.0.0.1:%d", port), remote)
		rows = append(rows, s)
	}
	return rows
}

func tablesOf(tables ...[]tcp.Socket) (all []tcp.Socket, at []listing) {
	for i, rows := range tables {
		at = append(at, listing{fmt.Sprintf("table %d", i), len(all), len(all) + len(rows)})
		all = append(all, rows...)
	}
	return all, at
}

func TestMerge(t *testing.T) {
	const db = "10.0.0.2:3306"
	owned := func(rows []tcp.Socket, pid int32) []tcp.Socket {
		rows = slices.Clone(rows)
		for i := range rows {
			rows[i].PID, rows[i].Inode = pid, uint64(1000+i)
		}
		return rows
	}
	timed := func(rows []tcp.Socket) []tcp.Socket {
		rows = slices.Clone(rows)
		for i := range rows {
			rows[i].Timer = tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 1}
		}
		return rows
	}
	waits := rowsOf(tcp.TimeWait, 40000, 40100, db)
	open := rowsOf(tcp.Established, 30000, 30010, db)
	for _, tt := range []struct {
		name   string
		tables [][]tcp.Socket
		want   map[tcp.State]int
		owned  int
		unused []string
	}{
		{"one table is left alone", [][]tcp.Socket{waits}, map[tcp.State]int{tcp.TimeWait: 100}, 0, nil},
		{"the same twice", [][]tcp.Socket{slices.Concat(waits, open), slices.Concat(waits, owned(open, 812))}, map[tcp.State]int{tcp.TimeWait: 100, tcp.Established: 10}, 10, []string{"table 0"}},
		{"the second tells nothing new", [][]tcp.Socket{slices.Concat(timed(waits), owned(open, 812)), slices.Concat(waits, open)}, map[tcp.State]int{tcp.TimeWait: 100, tcp.Established: 10}, 10, []string{"table 1"}},
		{"seconds apart: never more than there were", [][]tcp.Socket{waits, rowsOf(tcp.TimeWait, 40050, 40150, db)}, map[tcp.State]int{tcp.TimeWait: 100}, 0, []string{"table 1"}},
		{"asked for different ones", [][]tcp.Socket{waits, rowsOf(tcp.TimeWait, 40000, 40010, "10.0.0.3:6379")}, map[tcp.State]int{tcp.TimeWait: 110}, 0, nil},
		{"one without TIME_WAIT", [][]tcp.Socket{owned(open, 812), slices.Concat(waits, open)}, map[tcp.State]int{tcp.TimeWait: 100, tcp.Established: 10}, 10, nil},
		{"in another state by then", [][]tcp.Socket{open, slices.Concat(open[:9], rowsOf(tcp.CloseWait, 30009, 30010, db))}, map[tcp.State]int{tcp.Established: 10}, 0, []string{"table 1"}},
		{"examples of an article", [][]tcp.Socket{open[:1], rowsOf(tcp.TimeWait, 30000, 30001, db)}, map[tcp.State]int{tcp.Established: 1, tcp.TimeWait: 1}, 0, nil},
		{"sockets without addresses", [][]tcp.Socket{{{State: tcp.Closed}, {State: tcp.Closed}}, open}, map[tcp.State]int{tcp.Closed: 2, tcp.Established: 10}, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, at := tablesOf(tt.tables...)
			merged, unused := merge(all, at)
			got, haveOwner := map[tcp.State]int{}, 0
			for _, s := range merged {
				got[s.State]++
				if s.PID != 0 {
					haveOwner++
				}
			}
			for s := range tcp.State(tcp.NumStates) {
				if got[s] != tt.want[s] {
					t.Errorf("%d sockets in %s, not %d", got[s], s, tt.want[s])
				}
			}
			if haveOwner != tt.owned || !slices.Equal(unused, tt.unused) {
				t.Errorf("%d have an owner, not %d; unused %q, not %q", haveOwner, tt.owned, unused, tt.unused)
			}
		})
	}
}

// Of a listener on every address one program says "*" and another "::".
func TestMergeListeners(t *testing.T) {
	listener := func(at string, sendq uint32, pid int32) tcp.Socket {
		s := tcp.Socket{State: tcp.Listen, SendQ: sendq, PID: pid}
		s.Local, _ = sample.Ends(at, "")
		return s
	}
	all, at := tablesOf(
		[]tcp.Socket{listener("0.0.0.0:80", 128, 0), listener("0.0.0.0:22", 128, 0), listener("127.0.0.1:631", 5, 0)},
		[]tcp.Socket{listener("[::]:80", 0, 812), listener("0.0.0.0:22", 0, 7), listener("127.0.0.1:631", 0, 9)})
	merged, unused := merge(all, at)
	if len(merged) != 3 || len(unused) != 0 {
		t.Fatalf("%d listeners, unused %q", len(merged), unused)
	}
	for _, s := range merged {
		if s.SendQ == 0 || s.PID == 0 {
			t.Errorf("listener %+v lacks what the other table tells", s)
		}
	}
}

// A listener that stands alone in each of several lists is one; several of one list
// share the address (SO_REUSEPORT).
func TestMergeLoneListeners(t *testing.T) {
	listener := func(pid int32) tcp.Socket {
		s := tcp.Socket{State: tcp.Listen, PID: pid}
		s.Local, _ = sample.Ends("192.0.2.10:8080", "")
		return s
	}
	for want, tables := range map[int][][]tcp.Socket{
		1: {{listener(0)}, {listener(7)}, {listener(7)}},
		2: {{listener(7), listener(8)}, {listener(0)}},
	} {
		merged, _ := merge(tablesOf(tables...))
		if len(merged) != want || merged[0].PID != 7 {
			t.Errorf("%d listeners, not %d: %+v", len(merged), want, merged)
		}
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6}, byte(2))
	f.Add([]byte(strings.Repeat("abcd", 9)), byte(5))
	f.Fuzz(func(t *testing.T, data []byte, cut byte) {
		var all []tcp.Socket
		for i := 0; i+1 < len(data); i += 2 {
			s := tcp.Socket{State: tcp.State(data[i] % (tcp.NumStates + 1)), PID: int32(data[i] >> 6)}
			s.Local, s.Remote = sample.Ends(fmt.Sprintf("10.0.0.1:%d", data[i+1]), "10.0.0.2:80")
			if data[i]&32 > 0 {
				s.Local, s.Remote = sample.Ends(fmt.Sprintf("[::]:%d", data[i+1]), "")
			}
			all = append(all, s)
		}
		var at []listing
		for from := 0; from < len(all); {
			to := min(len(all), from+1+int(cut%7))
			at = append(at, listing{"t", from, to})
			from = to
		}
		merged, unused := merge(slices.Clone(all), at)
		if len(merged) > len(all) || len(unused) > len(at) {
			t.Errorf("%d sockets of %d", len(merged), len(all))
		}
	})
}
