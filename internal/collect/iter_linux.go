package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// iterSource reads the tables with a BPF iterator (iter/tcp, Linux 5.12 and
// later): one system call for some 200 sockets, and nothing copied that nobody
// asked for. It alone knows how a socket came by its port.
type iterSource struct {
	cache   *btf.Cache // of the kernel's types: parsing them costs half of the start
	sockets *iterator
	hz      atomic.Uint32 // jiffies per second; 0 until the first socket told
}

// iterator is a loaded and attached program.
type iterator struct {
	prog *ebpf.Program
	link *link.Iter
}

// newIterator loads the only program of spec and attaches it. The error wraps
// errors.ErrUnsupported when this kernel, or this user, can have none, and
// nothing when that could not be found out.
func newIterator(spec *ebpf.CollectionSpec, name string, cache *btf.Cache) (*iterator, error) {
	programs := &ebpf.CollectionSpec{ // without its maps: they only carry types
		Programs:  map[string]*ebpf.ProgramSpec{name: spec.Programs[name]},
		Types:     spec.Types,
		ByteOrder: spec.ByteOrder,
	}
	coll, err := ebpf.NewCollectionWithOptions(programs, ebpf.CollectionOptions{Cache: cache})
	if err != nil {
		return nil, fmt.Errorf("load BPF program %s: %w", name, classified(err))
	}
	defer coll.Close()
	prog := coll.DetachProgram(name)
	l, err := link.AttachIter(link.IterOptions{Program: prog})
	if err != nil {
		_ = prog.Close()
		return nil, fmt.Errorf("attach BPF iterator %s: %w", name, classified(err))
	}
	return &iterator{prog, l}, nil
}

// classified marks the errors that mean a definite no.
func classified(err error) error {
	var refused *ebpf.VerifierError // a helper or a field that this kernel has not
	switch {
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, btf.ErrNotFound),
		errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSYS),
		errors.As(err, &refused):
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

func (it *iterator) close() {
	if it == nil {
		return
	}
	_ = it.link.Close()
	_ = it.prog.Close()
}

// maxBarren is how many reads in a row may yield nothing before the iterator is
// given up: after 1,000,000 objects that a program passed over, the kernel
// returns EAGAIN to let others run (kernel/bpf/bpf_iter.c bpf_seq_read, v6.18).
const maxBarren = 10000

// records opens the iterator in the namespace of the calling thread and hands
// over its records of the given size one by one. The slice is valid only
// during the call.
func (it *iterator) records(ctx context.Context, buf []byte, size int, each func([]byte) error) error {
	r, err := it.link.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	have, barren := 0, 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf[have:])
		have += n
		done := 0
		for ; have-done >= size; done += size {
			if err := each(buf[done : done+size]); err != nil {
				return err
			}
		}
		have = copy(buf, buf[done:have])
		switch {
		case err == nil:
			barren = 0
		case errors.Is(err, io.EOF):
			if have != 0 {
				return fmt.Errorf("BPF iterator ended within a record, %d bytes of %d", have, size)
			}
			return nil
		case errors.Is(err, unix.EAGAIN) && barren < maxBarren, errors.Is(err, unix.EINTR):
			barren++
		default:
			return fmt.Errorf("read BPF iterator: %w", err)
		}
	}
}

// openIter loads the program. It is no more than the probe: what it returns
// says whether the source can be used.
func openIter() (*iterSource, error) {
	if err := mayLoad(); err != nil { // before 30 ms go into the kernel's types
		return nil, err
	}
	spec, err := loadSockets()
	if err != nil {
		return nil, err
	}
	s := &iterSource{cache: btf.NewCache()}
	if s.sockets, err = newIterator(spec, socketsProgSockets, s.cache); err != nil {
		return nil, err
	}
	return s, nil
}

// mayLoad asks for the capabilities that loading a tracing program takes since
// Linux 5.8 (kernel/bpf/syscall.c bpf_prog_load, v6.18).
func mayLoad() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	has := func(c int) bool { return sets[c/32].Effective&(1<<(c%32)) != 0 }
	if has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON) {
		return nil
	}
	return fmt.Errorf("%w: BPF needs CAP_BPF and CAP_PERFMON: %w", errors.ErrUnsupported, unix.EPERM)
}

func (*iterSource) name() string { return "bpf-iter" }

func (s *iterSource) close() { s.sockets.close() }

func (s *iterSource) read(ctx context.Context, t *table) error {
	var keepalive uint64
	return s.sockets.records(ctx, t.buf, tcpRecordSize, func(b []byte) error {
		rec, err := parseTCPRecord(b)
		if err != nil {
			return err
		}
		hz := s.hz.Load()
		if hz == 0 {
			if keepalive == 0 {
				if keepalive, err = keepaliveSeconds(); err != nil {
					return err
				}
			}
			if hz, err = jiffiesPerSecond(rec.KeepaliveTime, keepalive); err != nil {
				return err
			}
			s.hz.Store(hz)
		}
		sock, ok := rec.socket(hz, &t.info)
		t.add(&sock, ok)
		return nil
	})
}

// initialPIDNS is the inode of the first pid namespace: PROC_PID_INIT_INO of
// include/linux/proc_ns.h, the same since v3.8.
const initialPIDNS = 0xEFFFFFFC

// inInitialPIDNS reports whether /proc counts processes as the kernel does.
// Elsewhere the numbers of a BPF program name other processes.
func inInitialPIDNS() bool {
	ino, err := linkInode("/proc/self/ns/pid", "pid:[")
	return err == nil && ino == initialPIDNS
}

func linkInode(path, prefix string) (uint64, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return 0, err
	}
	ino, ok := bracketed([]byte(target), prefix)
	if !ok {
		return 0, fmt.Errorf("%s: %q is no inode", path, target)
	}
	return ino, nil
}

// bracketed reads the number out of "socket:[123]" when prefix is "socket:[".
func bracketed(b []byte, prefix string) (n uint64, ok bool) {
	if len(b) < len(prefix)+2 || string(b[:len(prefix)]) != prefix || b[len(b)-1] != ']' {
		return 0, false
	}
	return decimal(b[len(prefix) : len(b)-1])
}

// decimal reads a number of at most 19 digits.
func decimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
