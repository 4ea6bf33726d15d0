package collect

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// errHangs says that a process did not let itself be read in time. Its command
// line and its mappings are read under a lock of its memory (mmap_lock), which it
// may hold while a file system keeps it waiting, and its program by way of its
// own mounts: where a server is gone, only that server's end ends the wait.
var errHangs = errors.New("it did not answer in time")

const (
	processPatience = 300 * time.Millisecond // for one process
	lookPatience    = time.Second            // for all of one look together
	maxStuck        = 8                      // threads that may hang, in this program
)

// stuckReads are the processes that a thread of this program hangs on. While it
// does so its process is not asked again, and when there are maxStuck nobody is
// asked what might hang. The zero value is ready.
type stuckReads struct {
	mu  sync.Mutex // guards the one below
	set map[processID]struct{}
}

type processID struct {
	pid   int32
	start uint64 // clock ticks after boot
}

// stuck is of the whole program, as the threads are that hang: a budget of each
// look would let a program that looks every second lose one at each.
var stuck stuckReads

// patience is how long one look waits for processes that hang.
type patience struct {
	each  time.Duration
	stuck *stuckReads

	mu   sync.Mutex // guards the one below
	left time.Duration
}

func newPatience() *patience {
	return &patience{each: processPatience, left: lookPatience, stuck: &stuck}
}

// await runs read with a directory of its own and returns what it returns, or
// errHangs when that takes too long. read then goes on until the kernel lets it,
// so it may share nothing with the caller that is not safe to share.
func await[T any](p *patience, dir processDir, start uint64, read func(processDir) T) (got T, err error) {
	id := processID{dir.pid, start}
	limit := p.limit()
	if limit <= 0 || !p.stuck.mayAsk(id) {
		return got, errHangs
	}
	fd, err := unix.FcntlInt(uintptr(dir.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return got, err
	}
	answer := make(chan T, 1)
	go func() {
		own := processDir{fd, dir.pid}
		got := read(own)
		own.close()
		answer <- got
		p.stuck.remove(id)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case got = <-answer:
		return got, nil
	case <-timer.C:
	}
	p.spend(limit)
	p.stuck.mu.Lock()
	defer p.stuck.mu.Unlock()
	select {
	case got = <-answer: // it came in between, and need not be noted any more
		return got, nil
	default:
	}
	if p.stuck.set == nil {
		p.stuck.set = make(map[processID]struct{})
	}
	p.stuck.set[id] = struct{}{}
	return got, errHangs
}

func (p *patience) limit() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(p.each, p.left)
}

func (p *patience) spend(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left -= d
}

func (s *stuckReads) mayAsk(id processID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, hangs := s.set[id]
	return !hangs && len(s.set) < maxStuck
}

func (s *stuckReads) remove(id processID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, id)
}
