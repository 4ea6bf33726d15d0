//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// cgroups finds the path of a cgroup by its id, which is the file handle of its
// directory (FILEID_KERNFS, fs/kernfs/mount.c, v6.18; since 5.5).
type cgroups struct {
	root string // where the unified hierarchy is mounted; "": nowhere

	mu    sync.Mutex // guards what follows
	known map[uint64]string
}

func newCgroups() *cgroups {
	c := &cgroups{known: map[uint64]string{}}
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			c.root = dir
			break
		}
	}
	return c
}

// path returns the path below the root of the unified hierarchy ("/system.slice/
// shop.service"); "" when it is gone, unknown, or the root itself, which tells nothing.
func (c *cgroups) path(id uint64) string {
	if id == 0 || c.root == "" {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	path, known := c.known[id]
	if !known {
		path = c.find(id)
		if len(c.known) >= 4096 {
			clear(c.known)
		}
		c.known[id] = path
	}
	return path
}

func (c *cgroups) find(id uint64) string {
	mount, err := unix.Open(c.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(mount)
	const fileidKernfs = 0xfe
	handle := unix.NewFileHandle(fileidKernfs, binary.NativeEndian.AppendUint64(nil, id))
	fd, err := unix.OpenByHandleAt(mount, handle, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return ""
	}
	path, inside := strings.CutPrefix(path, c.root)
	if !inside || strings.HasSuffix(path, " (deleted)") {
		return ""
	}
	return path
}
