package symbol

import (
	"errors"
	"os"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"sockeye/internal/host"
)

// TestPatience names a stack through a file each of whose addresses takes a
// second: the stack takes no longer than one, and other files keep their names.
func TestPatience(t *testing.T) {
	n := newNamer(t)
	n.patience = 300 * time.Millisecond
	var total atomic.Int64
	file := slowLookup()
	slow := newObject(fileID{size: file.size}, file, true, &total)
	slow.spent = allowance{left: time.Second, at: time.Now()}

	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	info, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	good := newObject(fileID{size: info.Size()}, self, true, &total)
	t.Cleanup(good.close)
	tables, err := readTables(self, info.Size(), true, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	here := uint64(reflect.ValueOf(TestPatience).Pointer())
	var load uint64 // where the program lies
	for i := range tables.im.segments {
		if s := &tables.im.segments[i]; here >= s.Vaddr && here-s.Vaddr < s.Filesz {
			load = s.Vaddr - s.Off
		}
	}
	if load == 0 {
		t.Skip("the test is position-independent")
	}
	const first = 1 << 40
	p := &process{exe: "/good", maps: []mapping{
		{start: load, end: load + uint64(info.Size()), inode: 1, path: "/good", object: good},
		{start: first, end: first + uint64(file.size), inode: 2, path: "/slow", object: slow},
	}}
	// Its tables may have been read before, as those of a long-lived program are.
	if _, err := good.at(here-load, time.Minute); err != nil {
		t.Fatal(err)
	}
	var addrs []uint64
	for i := range uint64(32) {
		addrs = append(addrs, first+0x1001+i, here+1+i)
	}
	for try := range 2 {
		begin := time.Now()
		places, _ := n.locate(p, addrs, endIn(n.patience))
		took := time.Since(begin)
		// What runs beside does not make it twice as long.
		if took > 2*n.patience {
			t.Errorf("try %d: %v for one stack", try, took)
		}
		for i, where := range places {
			if i%2 == 0 && (!where.unusable || len(where.calls) > 0) {
				t.Errorf("try %d: %#x: %+v of the slow file", try, where.addr, where)
			}
			if i%2 == 1 && where.addr > here && len(where.calls) == 0 && i < 8 {
				t.Errorf("try %d: %#x of the good file has no name", try, where.addr)
			}
		}
		if s := assemble(places[:1], ""); s.Gap != host.GapUnreadable {
			t.Errorf("gap %q", s.Gap)
		}
		slow.work <- struct{}{} // until who was given up is done
		<-slow.work
	}
	// Its time is over: it is not asked again, and nobody waits.
	if _, err := slow.at(0x2000, time.Minute); !errors.Is(err, errSpent) {
		t.Errorf("after its time: %v", err)
	}
	slow.close()
}

// TestSlowTables gives up a file whose tables take too long, and the work on it.
func TestSlowTables(t *testing.T) {
	file := slowLookup()
	if _, err := readTables(file, file.size, true, time.Now().Add(-time.Second)); !errors.Is(err, errSpent) {
		t.Errorf("the time is over: %v", err)
	}
	tables, err := readTables(file, file.size, true, time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	l, err := tables.locate(0x2000, begin.Add(50*time.Millisecond))
	if took := time.Since(begin); !errors.Is(err, errSpent) || l != nil || took > time.Second {
		t.Errorf("%v, %v after %v", l, err, took)
	}
}

func TestAllowance(t *testing.T) {
	now := time.Unix(1e9, 0)
	var a allowance
	for _, step := range []struct {
		after, spend, want time.Duration
	}{
		{0, 1500 * time.Millisecond, allowed},
		{0, 400 * time.Millisecond, 500 * time.Millisecond},
		{0, 0, 0}, // 100 ms are left: too little to begin with
		{2 * time.Second, 0, 200 * time.Millisecond},  // a twentieth of 2 s came back
		{0, 10 * time.Second, 200 * time.Millisecond}, // a long wait ...
		{time.Minute, 0, 0},                           // ... leaves a debt of 5 s, now of 2 s
		{time.Minute, 0, time.Second},
		{time.Hour, 0, allowed},
		{-time.Hour, 0, allowed}, // the clock was set back
	} {
		now = now.Add(step.after)
		if got := a.rest(now); got != step.want {
			t.Errorf("after %v: %v, want %v", step.after, got, step.want)
		}
		a.spend(step.spend)
	}
}
