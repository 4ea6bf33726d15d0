package collect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// diskPatience is how long all file systems together may take to answer. A dead
// iSCSI or loop device holds statfs(2) for ever.
const diskPatience = 500 * time.Millisecond

// disks measures the file systems that programs write to.
func (p procFS) disks(r *blindness) []host.Disk {
	fs, err := procfs.NewFS(p.root)
	if err != nil {
		r.add("disk-skipped", "", err)
		return nil
	}
	mounts, err := fs.GetMounts()
	if err != nil {
		r.add("disk-skipped", "", err)
		return nil
	}
	local, remote := writableMounts(mounts)
	for _, mount := range remote {
		r.add("disk-skipped", mount, nil)
	}
	disks, late := measure(local, p.statfs, diskPatience)
	for _, mount := range late {
		r.add("disk-skipped", mount, unix.ETIMEDOUT)
	}
	return disks
}

// statDirectory is statfs(2) of directories. A container has single files
// mounted (/etc/hosts), by whose name nobody knows a disk.
func statDirectory(path string, buf *unix.Statfs_t) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	return unix.Statfs(path, buf)
}

// mounted is a place where a file system can be asked; dev tells which it is.
type mounted struct{ point, dev string }

// measure asks every file system for its room, at the first of its mount points
// that answers. Those that have not when the time is up are late; the goroutine
// that waits for the hanging one ends when the kernel lets it go.
func measure(mounts []mounted, statfs func(string, *unix.Statfs_t) error, patience time.Duration) (disks []host.Disk, late []string) {
	type answer struct {
		disk host.Disk
		ok   bool
	}
	answers := make(chan answer, len(mounts)) // never blocks the writer
	go func() {
		seen := map[string]bool{}
		for _, m := range mounts {
			var s unix.Statfs_t
			if seen[m.dev] || statfs(m.point, &s) != nil || s.Blocks == 0 {
				answers <- answer{}
				continue
			}
			seen[m.dev] = true
			disk := diskOf(m.point, &s)
			answers <- answer{disk, disk.Size > 0}
		}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for i := range mounts {
		select {
		case a := <-answers:
			if a.ok {
				disks = append(disks, a.disk)
			}
		case <-timer.C:
			for _, m := range mounts[i:] {
				late = append(late, m.point)
			}
			return byMount(disks), late
		}
	}
	return byMount(disks), nil
}

// diskOf counts as df(1) does: what is kept for root is neither used nor free,
// so that a disk is full when programs get "No space left on device".
func diskOf(mount string, s *unix.Statfs_t) host.Disk {
	unit := uint64(s.Frsize)
	if unit == 0 {
		unit = uint64(s.Bsize)
	}
	left := min(s.Bfree, s.Blocks)
	free := min(s.Bavail, left)
	return host.Disk{
		Mount: mount, Size: (s.Blocks - left + free) * unit, Free: free * unit, Inodes: s.Files, InodesOK: s.Ffree,
	}
}

func byMount(disks []host.Disk) []host.Disk {
	slices.SortFunc(disks, func(a, b host.Disk) int { return strings.Compare(a.Mount, b.Mount) })
	return disks
}

// memoryOnly are file systems without a device whose room is nobody's disk:
// the kernel's own views, and those that live in memory.
var memoryOnly = map[string]bool{
	"autofs": true, "binder": true, "binfmt_misc": true, "bpf": true, "cgroup": true, "cgroup2": true,
	"configfs": true, "debugfs": true, "devpts": true, "devtmpfs": true, "efivarfs": true, "fusectl": true,
	"fuse.gvfsd-fuse": true, "fuse.lxcfs": true, "fuse.portal": true, "hugetlbfs": true, "mqueue": true,
	"nsfs": true, "nfsd": true, "proc": true, "pstore": true, "ramfs": true, "resctrl": true, "rootfs": true,
	"rpc_pipefs": true, "securityfs": true, "selinuxfs": true, "sysfs": true, "tmpfs": true, "tracefs": true,
	"zonefs": true, "squashfs": true, "erofs": true, "iso9660": true, "cramfs": true, "romfs": true,
}

// onNetwork reports whether another machine, or a program, answers for a file
// system: statfs(2) on one whose server is gone hangs and cannot be killed.
func onNetwork(fsType string) bool {
	switch fsType {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "coda", "9p", "virtiofs", "glusterfs",
		"lustre", "gpfs", "beegfs", "pvfs2", "orangefs", "ocfs2", "gfs2", "panfs", "quobyte", "davfs", "vboxsf",
		"prl_fs", "fuse", "fuseblk":
		return true
	}
	return strings.HasPrefix(fsType, "fuse.")
}

// writableMounts picks the places where programs can write to a disk, of each
// disk the shortest path first. remote are those that are not asked.
func writableMounts(mounts []*procfs.MountInfo) (local []mounted, remote []string) {
	top := make(map[string]int) // mount point → its uppermost mount
	for i, m := range mounts {
		top[m.MountPoint] = i
	}
	for i, m := range mounts {
		_, ro := m.Options["ro"]
		_, superRO := m.SuperOptions["ro"]
		point := unescapeMount(m.MountPoint)
		switch {
		case top[m.MountPoint] != i: // hidden under another one
		case memoryOnly[m.FSType], ro, superRO:
		case m.FSType == "overlay" && point != "/":
			// A container's view of a file system that is listed itself. As the
			// root it is all that is seen from inside the container.
		case point == "/boot" || strings.HasPrefix(point, "/boot/"):
			// Small and nearly full by design; only updates write there.
		case onNetwork(m.FSType):
			remote = append(remote, point)
		default:
			local = append(local, mounted{point, m.MajorMinorVer})
		}
	}
	slices.SortFunc(local, func(a, b mounted) int {
		return cmp.Or(cmp.Compare(len(a.point), len(b.point)), cmp.Compare(a.point, b.point))
	})
	slices.Sort(remote)
	return local, slices.Compact(remote)
}
