package main

import (
	"slices"
	"time"
)

// sample is one run of a command.
type sample struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory; never below what this process takes itself
	code      int
}

// spread is what several runs come to.
type spread struct {
	least, median, most, cpu time.Duration // cpu is the median of its own
	peak                     int64         // the largest
}

// spreadOf sums the runs up; none give the zero spread. With an even number the
// median is the mean of the two in the middle.
func spreadOf(runs []sample) spread {
	if len(runs) == 0 {
		return spread{}
	}
	wall, cpu := make([]time.Duration, len(runs)), make([]time.Duration, len(runs))
	var peak int64
	for i, r := range runs {
		wall[i], cpu[i] = r.wall, r.cpu
		peak = max(peak, r.peak)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	return spread{wall[0], middle(wall), wall[len(wall)-1], middle(cpu), peak}
}

func middle(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// seen is what a command's output told.
type seen struct {
	sockets int // of those that are being measured; -1: it does not tell
	owned   int // of those, with their process; -1: it does not tell
}
