package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// footprintCase measures what the tracer takes while there are many sockets
// that it saw being made.
func footprintCase(ctx context.Context, w io.Writer, o options) ([]goal, error) {
	if err := privateNamespace(); err != nil {
		return nil, err
	}
	if err := setNet("tcp_max_tw_buckets", "4000000"); err != nil {
		return nil, err
	}
	v := o.tracer()
	a, err := attached(ctx, &v, true)
	if err != nil {
		return nil, err
	}
	// Half as many connections make the live sockets, one each those in TIME_WAIT.
	live, waiting, err := crowds(ctx, o.held/2, o.held)
	if err != nil {
		_, _ = a.detach() // the first error says more
		return nil, err
	}
	defer live.dismiss()
	defer waiting.dismiss()
	var f footprint
	f.live = o.held / 2 * 2
	if f.waiting, err = settled(ctx, o.held); err == nil {
		err = f.measure(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	if f.waiting != o.held {
		return nil, fmt.Errorf("%s in TIME_WAIT of %s closed", thousands(f.waiting), thousands(o.held))
	}
	f.print(w)
	return []goal{f.goal()}, nil
}

// crowds opens the live connections and then makes the others' TIME_WAIT: that
// does not last, so it comes last.
func crowds(ctx context.Context, live, waiting int) (l, t *crowd, err error) {
	progress("processes open %s connections and close %s others", thousands(live), thousands(waiting))
	hold, end := max(1, (live+connsPerHolder-1)/connsPerHolder), max(1, (waiting+perDestination-1)/perDestination)
	if l, err = gather(ctx, 0, hold, live); err != nil {
		return nil, nil, err
	}
	if t, err = gather(ctx, hold, end, waiting); err != nil {
		l.dismiss()
		return nil, nil, err
	}
	if err = l.tell(orderOpen); err == nil {
		for _, order := range []string{orderOpen, orderHalf, orderClose} {
			if err = t.tell(order); err != nil {
				break
			}
		}
	}
	if err != nil {
		l.dismiss()
		t.dismiss()
	}
	return l, t, err
}

// measure reads what the agent takes, ends it, and sees what comes back of what
// it kept with the sockets: no descriptor tells of that.
func (f *footprint) measure(ctx context.Context, a *agent) (err error) {
	running := true
	defer func() {
		if running {
			_, _ = a.detach() // the first error says more
		}
	}()
	pid := a.cmd.Process.Pid
	smaps, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return err
	}
	f.resident, err = readSmaps(smaps)
	_ = smaps.Close()
	if err != nil {
		return err
	}
	held, err := mapsOf(pid)
	if err != nil {
		return err
	}
	f.maps = sumMaps(held)
	objects, free, err := kernelMemory()
	if err != nil {
		return err
	}
	running = false
	if _, err := a.detach(); err != nil {
		return err
	}
	// The kernel frees them after a grace period, piece by piece.
	err = await(ctx, 5*time.Second, func() (bool, error) {
		if err := pass(ctx, 500*time.Millisecond); err != nil {
			return false, err
		}
		now, freeNow, err := kernelMemory()
		before := f.kept
		f.kept, f.available = objects-now, freeNow-free
		return f.kept < before+1<<18, err
	})
	if errors.Is(err, errLate) {
		err = nil
	}
	return err
}

// kernelMemory is what the kernel's objects take that may be kept with sockets,
// and what memory is available, in bytes.
func kernelMemory() (objects, available int64, err error) {
	slabs, err := os.Open("/proc/slabinfo")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = slabs.Close() }()
	if objects, err = readSlabinfo(slabs); err != nil {
		return 0, 0, err
	}
	percpu, err := procNumber("/proc/meminfo", "Percpu:")
	return objects + int64(percpu)<<10, int64(memAvailable()), err
}

// mapsOf lists the BPF maps and programs that a process has open.
func mapsOf(pid int) (all []mapMemory, err error) {
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if m, ok := readFDInfo(f); ok {
			all = append(all, m)
		}
		_ = f.Close()
	}
	return all, nil
}
