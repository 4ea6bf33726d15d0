package collect

import (
	"context"
	"fmt"
	"sync"

	"sockeye/internal/host"
)

// maxDescribed bounds one Describe: some 0.1 ms each.
const maxDescribed = 256

func describe(ctx context.Context, pids []int32) (map[int32]*host.Process, []host.BlindSpot) {
	blind := &blindness{}
	found := make(map[int32]*host.Process)
	if len(pids) == 0 {
		return found, nil
	}
	if !inInitialPIDNS() {
		// The numbers were told by the kernel, and name other processes here.
		blind.add("pids-elsewhere", "", nil)
		return found, blind.list()
	}
	wanted := make([]int32, 0, min(len(pids), maxDescribed))
	seen := make(map[int32]bool, len(pids))
	for _, pid := range pids {
		if pid <= 0 || seen[pid] {
			continue
		}
		seen[pid] = true
		if len(wanted) < maxDescribed {
			wanted = append(wanted, pid)
		}
	}
	if len(seen) > len(wanted) {
		blind.add("processes-passed-over", "", fmt.Errorf("%d of %d", len(seen)-len(wanted), len(seen)))
	}
	for i, p := range readProcesses(ctx, wanted, blind) {
		if p != nil {
			found[wanted[i]] = p
		}
	}
	return found, blind.list()
}

// readProcesses describes many; those that have gone, or were not reached before
// ctx ended, are nil.
func readProcesses(ctx context.Context, pids []int32, r *blindness) []*host.Process {
	if len(pids) == 0 {
		return nil
	}
	list := make([]*host.Process, len(pids))
	ps := newDescriber(liveProc(), bootTime())
	var done sync.WaitGroup
	for worker := range threads {
		done.Go(func() {
			for i := worker; i < len(pids) && ctx.Err() == nil; i += threads {
				list[i] = ps.read(pids[i], r)
			}
		})
	}
	done.Wait()
	return list
}
