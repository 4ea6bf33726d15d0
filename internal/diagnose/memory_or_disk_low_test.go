package diagnose

import (
	"testing"

	"sockeye/internal/host"
)

func TestMemoryOrDiskLow(t *testing.T) {
	free := func(available, swap uint64) func(*sketch) {
		return func(s *sketch) {
			s.System.Memory.Available = host.Some(available)
			s.System.Memory.SwapTotal, s.System.Memory.SwapFree = host.Some(8<<30), host.Some(swap)
		}
	}
	disk := func(d host.Disk) func(*sketch) { return func(s *sketch) { s.System.Disks = []host.Disk{d} } }
	judgeSketches(t, memoryOrDiskLow, []sketchCase{
		{name: "memory and swap gone", now: free(200<<20, 100<<20), want: []string{"critical proven pid:- memory,swap => free-memory"}},
		{name: "memory low, no swap", now: func(s *sketch) { s.System.Memory.Available = host.Some(1 << 30) },
			want: []string{"warning possible pid:- memory => free-memory"}},
		{name: "disk full", now: disk(host.Disk{Mount: "/var", Size: 100 << 30}), want: []string{"critical proven pid:- disk => free-disk"}},
		{name: "disk nearly full", now: disk(host.Disk{Mount: "/var", Size: 10 << 30, Free: 300 << 20}),
			want: []string{"warning possible pid:- disk => free-disk"}},
		{name: "no inodes left", now: disk(host.Disk{Mount: "/srv", Size: 100 << 30, Free: 50 << 30, Inodes: 6 << 20}),
			want: []string{"critical proven pid:- inodes => free-disk"}},
		{name: "a disk with a hostile name", now: disk(host.Disk{Mount: "/a b;\x1b[2Jrm", Size: 100 << 30}),
			want: []string{"critical proven pid:- disk => free-disk"}},
		{name: "both", now: drawAll(free(100<<20, 0), disk(host.Disk{Mount: "/", Size: 100 << 30, Free: 100 << 20})),
			want: []string{"critical proven pid:- memory,swap,disk => free-memory,free-disk"}},

		{name: "5 % of much is plenty", now: disk(host.Disk{Mount: "/data", Size: 10 << 40, Free: 300 << 30})},
		{name: "/boot is nobody's to write to", now: disk(host.Disk{Mount: "/boot", Size: 1 << 30})},
		{name: "a small file system made to be full", now: disk(host.Disk{Mount: "/mnt/key", Size: 60 << 20})},
		{name: "no inodes to count (btrfs)", now: disk(host.Disk{Mount: "/", Size: 100 << 30, Free: 50 << 30})},
		{name: "little memory free, swap takes it", now: free(800<<20, 7<<30)},
		{name: "unknown", now: func(s *sketch) { s.System.Memory = host.Memory{} }},
	})
}
