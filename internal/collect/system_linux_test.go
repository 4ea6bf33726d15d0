package collect

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

func TestReadSystem(t *testing.T) {
	var r blindness
	sys := readSystem(&r)
	for name, opt := range map[string]host.Opt{
		"files": sys.FilesOpen, "tcp alloc": sys.TCPAlloc, "orphans": sys.TCPOrphans, "tcp memory": sys.TCPMemPages,
		"memory": sys.Memory.Total, "available": sys.Memory.Available, "swap": sys.Memory.SwapTotal,
	} {
		if !opt.Known {
			t.Errorf("%s unknown; not seen: %+v", name, r.spots)
		}
	}
	if sys.FilesOpen.Value < 3 || sys.Memory.Total.Value < 64<<20 || sys.Memory.Available.Value > sys.Memory.Total.Value {
		t.Errorf("files %v, memory %+v", sys.FilesOpen, sys.Memory)
	}
	if sys.PageSize != uint64(os.Getpagesize()) {
		t.Errorf("page size %d", sys.PageSize)
	}
	if n, ok := sys.Settings.Int("fs.file-max"); !ok || n <= 0 {
		t.Errorf("settings %v", sys.Settings)
	}
	for _, d := range sys.Disks {
		var s unix.Statfs_t
		if err := unix.Statfs(d.Mount, &s); err != nil || d.Size == 0 || d.Size > s.Blocks*uint64(s.Frsize) || d.Free > d.Size || d.InodesOK > d.Inodes {
			t.Errorf("disk %+v: %v", d, err)
		}
	}
}

func TestSettingsBlindSpots(t *testing.T) {
	p := procFS{root: t.TempDir()}
	if err := os.MkdirAll(p.root+"/sys/net/core/somaxconn", 0o755); err != nil { // a directory: EISDIR
		t.Fatal(err)
	}
	var r blindness
	p.netNS(&host.NetNS{Inode: 7}, &r)
	want := []string{"setting-unreadable net.core.somaxconn", "settings-unreadable netns 7",
		"counters-unreadable netns 7", "sockstat-unreadable netns 7"}
	if diff := cmp.Diff(want, spots(&r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r = blindness{}
	p.system(&r)
	p.initialNetNS(&host.System{Settings: host.Settings{}}, &r)
	want = []string{"disk-skipped", "setting-unreadable fs.file-nr", "sockstat-unreadable", "memory-unreadable",
		"host-limits-hidden", "neighbours-unreadable ipv4"}
	if diff := cmp.Diff(want, spots(&r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMeasure(t *testing.T) {
	mounts := []mounted{{"/", "8:1"}, {"/x", "8:2"}, {"/data", "8:2"}, {"/gone", "8:3"}, {"/srv", "8:1"}}
	disks, late := measure(mounts, func(path string, s *unix.Statfs_t) error {
		switch path {
		case "/x":
			return unix.ENOTDIR
		case "/gone":
			return unix.ENOENT
		}
		*s = unix.Statfs_t{Blocks: 10, Bfree: 4, Bavail: 4, Frsize: 512, Files: 9, Ffree: 8}
		return nil
	}, time.Minute)
	want := []host.Disk{{Mount: "/", Size: 5120, Free: 2048, Inodes: 9, InodesOK: 8}, {Mount: "/data", Size: 5120, Free: 2048, Inodes: 9, InodesOK: 8}}
	if diff := cmp.Diff(want, disks); diff != "" || late != nil {
		t.Errorf("late %v (-want +got):\n%s", late, diff)
	}
}

// As df prints it: used of used and available, whatever is kept for root.
func TestDiskAsDfCounts(t *testing.T) {
	tests := []struct {
		name string
		in   unix.Statfs_t
		size uint64
		free uint64
	}{
		{"ext4 with 5 % for root", unix.Statfs_t{Blocks: 1000, Bfree: 300, Bavail: 250, Frsize: 4096}, 950 * 4096, 250 * 4096},
		{"only root's are left", unix.Statfs_t{Blocks: 1000, Bfree: 50, Frsize: 4096}, 950 * 4096, 0},
		{"no fragment size", unix.Statfs_t{Blocks: 10, Bfree: 4, Bavail: 4, Bsize: 512}, 5120, 2048},
		{"more free than there is", unix.Statfs_t{Blocks: 10, Bfree: 1 << 60, Bavail: 1 << 61, Frsize: 512}, 5120, 5120},
		{"negative for programs", unix.Statfs_t{Blocks: 10, Bfree: 2, Bavail: ^uint64(0), Frsize: 1}, 10, 2},
	}
	for _, tt := range tests {
		if got := diskOf("/", &tt.in); got.Size != tt.size || got.Free != tt.free {
			t.Errorf("%s: %d of %d free, want %d of %d", tt.name, got.Free, got.Size, tt.free, tt.size)
		}
	}
}

func TestMeasureDoesNotHang(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	disks, late := measure([]mounted{{"/", "8:1"}, {"/dead", "8:2"}, {"/behind", "8:3"}}, func(path string, s *unix.Statfs_t) error {
		if path == "/dead" {
			<-release
		}
		*s = unix.Statfs_t{Blocks: 1, Bfree: 1, Bavail: 1, Frsize: 1}
		return nil
	}, 20*time.Millisecond)
	if len(disks) != 1 || disks[0].Mount != "/" || !slices.Equal(late, []string{"/dead", "/behind"}) {
		t.Errorf("disks %+v, late %v", disks, late)
	}
}

func TestWritableMountsOfAContainer(t *testing.T) {
	mount := func(point, root, dev, fsType, options string) *procfs.MountInfo {
		return &procfs.MountInfo{MountPoint: point, Root: root, MajorMinorVer: dev, FSType: fsType, Options: map[string]string{options: ""}}
	}
	local, remote := writableMounts([]*procfs.MountInfo{
		mount("/", "/", "0:50", "overlay", "rw"),
		mount("/proc", "/", "0:51", "proc", "rw"),
		mount("/etc/hosts", "/containers/x/hosts", "8:1", "ext4", "rw"),
		mount("/data", "/volumes/y", "8:1", "ext4", "rw"),
		mount("/config", "/volumes/z", "8:1", "ext4", "ro"),
		mount("/share", "/", "0:60", "nfs", "rw"),
		mount("/share", "/", "0:60", "nfs4", "rw"),
	})
	wantLocal := []mounted{{"/", "0:50"}, {"/data", "8:1"}, {"/etc/hosts", "8:1"}}
	if !slices.Equal(local, wantLocal) || !slices.Equal(remote, []string{"/share"}) {
		t.Errorf("local %v, remote %v", local, remote)
	}
}
