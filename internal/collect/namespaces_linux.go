package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace that was found, and the ways into it.
type namespace struct {
	inode uint64
	name  string // below a directory of netnsDirs
	pid   int32  // the lowest of those that live in it
	self  bool
	doors []string // paths that lead to it, or did when they were found
}

// maxDoors are kept of each namespace, so that one process that ends does not
// hide it.
const maxDoors = 4

// netnsDirs is where "ip netns" keeps names; the second is mostly a link to the
// first.
var netnsDirs = []string{"/run/netns", "/var/run/netns"}

// initialNetNS returns the inode of the host's own namespace, 0 when it cannot
// be told: pid 1 of a container's pid namespace says nothing of the host.
func initialNetNS() uint64 {
	if !inInitialPIDNS() {
		return 0
	}
	// Where pid 1 is guarded even from root, kthreadd lives in the same one:
	// kernel threads never leave it.
	for _, path := range []string{"/proc/1/ns/net", "/proc/2/ns/net"} {
		if ino, err := linkInode(path, "net:["); err == nil {
			return ino
		}
	}
	return 0
}

// findNamespaces lists every namespace that a process lives in or that has a
// name; first is that of self, an open /proc/thread-self/ns/net.
func findNamespaces(self *os.File) ([]*namespace, error) {
	own, err := inodeOf(self.Fd())
	if err != nil {
		return nil, err
	}
	all := []*namespace{{inode: own, self: true, doors: []string{"/proc/self/fd/" + strconv.Itoa(int(self.Fd()))}}}
	index := map[uint64]*namespace{own: all[0]}
	find := func(inode uint64) *namespace {
		ns := index[inode]
		if ns == nil {
			ns = &namespace{inode: inode}
			index[inode] = ns
			all = append(all, ns)
		}
		return ns
	}
	pids, err := processes()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		path := "/proc/" + strconv.Itoa(int(pid)) + "/ns/net"
		inode, err := linkInode(path, "net:[")
		if err != nil {
			continue // it has ended, or belongs to somebody else: "no-root" says so
		}
		ns := find(inode)
		if ns.pid == 0 {
			ns.pid = pid
		}
		if len(ns.doors) < maxDoors {
			ns.doors = append(ns.doors, path)
		}
	}
	for _, dir := range netnsDirs {
		names, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range names {
			path := filepath.Join(dir, entry.Name())
			inode, err := netnsInode(path)
			if err != nil {
				continue // a name whose namespace is gone, or no namespace at all
			}
			ns := find(inode)
			if ns.name == "" {
				ns.name = entry.Name()
			}
			ns.doors = append(ns.doors, path)
		}
	}
	return all, nil
}

// netnsInode returns the inode of the network namespace that is bound to path.
// Only what lies on nsfs is one: a name that was never mounted is an empty file,
// and one that leads to a namespace of another type is left out as well, as
// "ip netns" does.
func netnsInode(path string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	if int64(fs.Type) != unix.NSFS_MAGIC { //nolint:unconvert // int32 on 32-bit systems
		return 0, fmt.Errorf("%s: %w", path, ErrUnknownNetNS)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if otherType(path) {
		return 0, fmt.Errorf("%s: %w", path, ErrUnknownNetNS)
	}
	return st.Ino, nil
}

// otherType reports whether path surely leads to a namespace that is none of the
// network (ioctl_nsfs(2), since Linux 4.11). Where it cannot be opened or asked,
// entering it will tell.
func otherType(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	return err == nil && kind != unix.CLONE_NEWNET
}

func inodeOf(fd uintptr) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	return st.Ino, nil
}

// selectNamespaces picks those that Options.NetNS means.
func selectNamespaces(all []*namespace, want string) ([]*namespace, error) {
	pick := func(match func(*namespace) bool) []*namespace {
		if i := slices.IndexFunc(all, match); i >= 0 {
			return all[i : i+1]
		}
		return nil
	}
	switch want {
	case "", "all":
		return all, nil
	case "self":
		return pick(func(ns *namespace) bool { return ns.self }), nil
	}
	if found := pick(func(ns *namespace) bool { return ns.name == want }); found != nil {
		return found, nil
	}
	// A second name of a namespace that is listed under its first.
	if want != "." && want != ".." && !strings.ContainsAny(want, "/\x00") {
		for _, dir := range netnsDirs {
			if inode, err := netnsInode(filepath.Join(dir, want)); err == nil {
				if found := pick(func(ns *namespace) bool { return ns.inode == inode }); found != nil {
					return found, nil
				}
			}
		}
	}
	if pid, ok := decimal([]byte(want)); ok {
		inode, err := linkInode("/proc/"+strconv.FormatUint(pid, 10)+"/ns/net", "net:[")
		switch {
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			return nil, fmt.Errorf("process %d: %w", pid, ErrNotPermitted)
		case err != nil && !gone(err):
			return nil, fmt.Errorf("network namespace of process %d: %w", pid, err)
		}
		if found := pick(func(ns *namespace) bool { return err == nil && ns.inode == inode }); found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownNetNS, want)
}

// visitor is an OS thread that goes from namespace to namespace.
type visitor struct {
	home  *os.File
	at    uint64 // where it is
	moved bool
}

// newVisitor locks the calling goroutine to its thread until leave.
func newVisitor() (*visitor, error) {
	runtime.LockOSThread()
	home, err := openOwn()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	inode, err := inodeOf(home.Fd())
	if err != nil {
		home.Close()
		runtime.UnlockOSThread()
		return nil, err
	}
	return &visitor{home: home, at: inode}, nil
}

// openOwn opens the namespace of the calling thread. That of the process would
// be the wrong one for a program whose threads live in several.
func openOwn() (*os.File, error) {
	f, err := os.Open("/proc/thread-self/ns/net")
	if errors.Is(err, fs.ErrNotExist) { // before Linux 3.17
		return os.Open("/proc/self/ns/net")
	}
	return f, err
}

// enter takes the thread into ns. An error that gone recognises says that the
// namespace has ended; with several doors, any other one comes before it.
func (v *visitor) enter(ns *namespace) error {
	if v.at == ns.inode {
		return nil
	}
	first := error(unix.ENOENT)
	for _, door := range ns.doors {
		err := v.through(door, ns.inode)
		if err == nil {
			return nil
		}
		if gone(first) {
			first = err
		}
	}
	return first
}

// through enters by one path, unless it leads elsewhere by now.
func (v *visitor) through(door string, inode uint64) error {
	fd, err := unix.Open(door, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: door, Err: err}
	}
	defer unix.Close(fd)
	if now, err := inodeOf(uintptr(fd)); err != nil || now != inode {
		return &os.PathError{Op: "open", Path: door, Err: unix.ENOENT}
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	v.at, v.moved = inode, true
	return nil
}

// leave goes home. A thread that cannot stays locked, and so ends with its
// goroutine instead of serving others in the wrong namespace.
func (v *visitor) leave() {
	defer v.home.Close()
	if v.moved && unix.Setns(int(v.home.Fd()), unix.CLONE_NEWNET) != nil {
		return
	}
	runtime.UnlockOSThread()
}

// scattered reports whether a process has threads in several namespaces, so
// that its own does not tell where its sockets are.
func scattered(pid int32, own uint64) bool {
	dir := "/proc/" + strconv.Itoa(int(pid)) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return false // it has ended
	}
	return slices.ContainsFunc(threads, func(thread fs.DirEntry) bool {
		ino, err := linkInode(filepath.Join(dir, thread.Name(), "ns/net"), "net:[")
		return err == nil && ino != own
	})
}

// threadDoor looks for a thread of a process that lives in another namespace
// than the process: the path to it, or false.
func threadDoor(pid int32, inode uint64) (string, bool) {
	dir := "/proc/" + strconv.Itoa(int(pid)) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return "", false
	}
	for _, thread := range threads {
		path := filepath.Join(dir, thread.Name(), "ns/net")
		if ino, err := linkInode(path, "net:["); err == nil && ino == inode {
			return path, true
		}
	}
	return "", false
}
