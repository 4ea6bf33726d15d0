package collect

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// walk is what the links in /proc/*/fd tell: sockets of every kind, and who
// holds them.
type walk struct {
	held []held
	ns   map[int32]uint64 // network namespace of the processes in held
}

// held is one descriptor of a socket.
type held struct {
	inode uint64
	pid   int32
	fd    int32
}

// walkDescriptors reads the links of every process. Processes that end
// meanwhile are passed over; those of other users are a blind spot.
func walkDescriptors(ctx context.Context, r *blindness) (*walk, error) {
	pids, err := processes()
	if err != nil {
		return nil, err
	}
	w := &walk{ns: make(map[int32]uint64, len(pids))}
	buf := make([]byte, 32<<10)
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before := len(w.held)
		err := w.process(pid, buf)
		switch {
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			r.add("owners-no-permission", "", err)
		case err != nil && !gone(err):
			r.add("owners-unread", "pid "+strconv.Itoa(int(pid)), err)
		}
		if len(w.held) > before {
			w.ns[pid], _ = linkInode("/proc/"+strconv.Itoa(int(pid))+"/ns/net", "net:[")
		}
	}
	return w, nil
}

// gone reports whether an error of /proc means that the process has ended.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// processes lists the pids in /proc, ascending.
func processes() ([]int32, error) {
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	defer unix.Close(fd)
	var pids []int32
	err = entries(fd, make([]byte, 32<<10), func(name []byte) {
		if n, ok := decimal(name[:len(name)-1]); ok && n > 0 && n <= 1<<31-1 {
			pids = append(pids, int32(n))
		}
	})
	slices.Sort(pids)
	return pids, err
}

// process appends the sockets of one process.
func (w *walk) process(pid int32, buf []byte) error {
	dir, err := unix.Open("/proc/"+strconv.Itoa(int(pid))+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	var link [64]byte
	return entries(dir, buf, func(name []byte) {
		fd, ok := decimal(name[:len(name)-1])
		if !ok || fd > 1<<31-1 {
			return
		}
		// unix.Readlinkat would allocate the name anew for each of 200,000 links.
		n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
			uintptr(unsafe.Pointer(&link[0])), uintptr(len(link)), 0, 0)
		if errno != 0 {
			return // closed meanwhile
		}
		if inode, ok := bracketed(link[:n], "socket:["); ok {
			w.held = append(w.held, held{inode, pid, int32(fd)})
		}
	})
}

// entries calls each with the names in a directory, each with the 0 byte that
// ends it. They are valid only during the call.
func entries(dir int, buf []byte, each func(name []byte)) error {
	const reclen, name = 16, 19 // of struct linux_dirent64
	for {
		n, err := unix.Getdents(dir, buf)
		if err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return os.NewSyscallError("getdents64", err)
		}
		if n == 0 {
			return nil
		}
		for rest := buf[:n]; len(rest) > name; {
			size := int(binary.NativeEndian.Uint16(rest[reclen:]))
			if size <= name || size > len(rest) {
				return fmt.Errorf("getdents64: entry of %d bytes in %d", size, len(rest))
			}
			if end := slices.Index(rest[name:size], 0); end > 0 {
				each(rest[name : name+end+1])
			}
			rest = rest[size:]
		}
	}
}

// maxChecks is how many sockets that stand in no table are asked what they are.
// Most are UNIX sockets; a question costs some 4 µs.
const maxChecks = 20000

// owners joins the walk with the tables that were read after it. A TCP socket
// that was held by the same descriptor before and after and stands in no table
// is CLOSED, or BOUND where the tables do not tell that.
func (w *walk) owners(ctx context.Context, tables []*table, read map[uint64]bool, r *blindness) (*owners, error) {
	size := 0
	for _, t := range tables {
		size += len(t.sockets)
	}
	listed := make(map[uint64]struct{}, size)
	for _, t := range tables {
		for i := range t.sockets {
			if inode := t.sockets[i].Inode; inode != 0 {
				listed[inode] = struct{}{}
			}
		}
	}
	o := newOwners("procfs")
	kinds := make(map[uint64]string) // of sockets that no table lists
	scatter := make(map[int32]bool)  // whether a process has sockets of several namespaces
	skipped := 0
	for n, h := range w.held {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if _, ok := listed[h.inode]; ok {
			o.hold(h.inode, h.pid)
			continue
		}
		if !read[w.ns[h.pid]] {
			continue // its table was not read
		}
		kind, known := kinds[h.inode]
		if !known {
			if len(kinds) >= maxChecks {
				skipped++
				continue
			}
			kind = protocol(h)
			kinds[h.inode] = kind
		}
		switch kind {
		case "UDP", "UDPv6":
			o.udp[h.pid]++
		case "TCP", "TCPv6", "MPTCP", "MPTCPv6":
			elsewhere, asked := scatter[h.pid]
			if !asked {
				elsewhere = scattered(h.pid, w.ns[h.pid])
				scatter[h.pid] = elsewhere
			}
			if elsewhere { // it may be connected where nobody looked
				r.add("closed-sockets-unchecked", "pid "+strconv.Itoa(int(h.pid)), nil)
				continue
			}
			o.loose = append(o.loose, tcp.Socket{NetNS: w.ns[h.pid], Inode: h.inode, State: tcp.Closed})
			o.hold(h.inode, h.pid)
		}
	}
	if skipped > 0 {
		o.udp = nil
		r.add("closed-sockets-unchecked", "", fmt.Errorf("%d sockets after the first %d", skipped, maxChecks))
	}
	return o, nil
}

// protocol asks a descriptor for its protocol's name in the kernel (net/socket.c
// sockfs_xattr_get, since v3.7), "" when it is no longer the same socket.
func protocol(h held) string {
	path := "/proc/" + strconv.Itoa(int(h.pid)) + "/fd/" + strconv.Itoa(int(h.fd))
	var buf [64]byte
	n, err := unix.Getxattr(path, "system.sockprotoname", buf[:])
	if err != nil || n <= 0 {
		return ""
	}
	if inode, err := linkInode(path, "socket:["); err != nil || inode != h.inode {
		return ""
	}
	for n > 0 && buf[n-1] == 0 { // the value counts its final 0 byte
		n--
	}
	return string(buf[:n])
}
