package collect

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// mountsMost bounds how much of a process's /proc/PID/mountinfo is read, in bytes.
const mountsMost = 16 << 20

// backDoors finds ways into a network namespace that no process lives in and that has
// no name below netnsDirs: where it is mounted elsewhere, in any mount namespace, and
// who holds it open. sure is false where processes are hidden from this one, so that
// finding none means nothing.
func backDoors(inode uint64) (doors []string, sure bool, err error) {
	pids, err := processes()
	if err != nil {
		return nil, false, err
	}
	target := "net:[" + strconv.FormatUint(inode, 10) + "]"
	seen := map[uint64]bool{} // mount namespaces
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(int(pid))
		doors = append(doors, heldOpen(dir, target)...)
		// Through the mounts of somebody else than root leads only what he put there: a
		// file system of his own could keep who walks it waiting for ever.
		if info, err := os.Stat(dir); err != nil || !ofRoot(info) {
			continue
		}
		if mounts, err := linkInode(dir+"/ns/mnt", "mnt:["); err == nil && !seen[mounts] {
			seen[mounts] = true
			doors = append(doors, mountedAt(dir, target)...)
		}
	}
	return doors, inInitialPIDNS() && os.Geteuid() == 0, nil
}

func ofRoot(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0
}

// mountedAt finds where a file of nsfs is mounted for a process: its root field is
// "net:[inode]" (proc_pid_mountinfo(5); fs/nsfs.c nsfs_show_path, v6.18).
func mountedAt(dir, target string) (doors []string) {
	f, err := os.Open(dir + "/mountinfo")
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, mountsMost))
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && fields[3] == target {
			doors = append(doors, dir+"/root"+unescapeMount(fields[4]))
		}
	}
	return doors
}

// heldOpen finds descriptors of a process that keep a namespace.
func heldOpen(dir, target string) (doors []string) {
	names, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return nil
	}
	for _, n := range names {
		path := filepath.Join(dir, "fd", n.Name())
		if link, err := os.Readlink(path); err == nil && link == target {
			doors = append(doors, path)
		}
	}
	return doors
}

// enterHidden enters a namespace that findNamespaces does not list: ErrUnknownNetNS
// when there is none, ErrNotPermitted when that cannot be told.
func (v *visitor) enterHidden(inode uint64) error {
	doors, sure, err := backDoors(inode)
	if err != nil {
		return err
	}
	err = v.enter(&namespace{inode: inode, doors: doors}) // ENOENT without doors
	if sure || !gone(err) {
		return err
	}
	return fmt.Errorf("network namespace %d cannot be found from here: %w", inode, ErrNotPermitted)
}
