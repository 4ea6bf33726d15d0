package symbol

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// fileID tells files apart. While the file is held open its inode cannot be
// given to another; size and time change when it is overwritten in place.
type fileID struct {
	dev, inode uint64
	size       int64
	mtime      int64 // nanoseconds
}

// source is an open file.
type source interface {
	io.ReaderAt
	io.Closer
}

// errClosed is returned by an object that was closed to make room.
var errClosed = errors.New("closed")

// errSlow is returned while a read of the file does not come back.
var errSlow = errors.New("does not answer")

// object is an executable or a library, shared by all processes that have it
// mapped. Its tables are read when the first address is asked for.
type object struct {
	id     fileID
	used   atomic.Int64  // when it was last needed, Unix nanoseconds
	memory atomic.Int64  // bytes of tables and remembered names
	total  *atomic.Int64 // the same of all objects of a Namer
	lines  bool          // lines and inlined calls are wanted, not functions only
	slow   atomic.Bool   // whoever reads the file was given up

	known sync.Mutex // guards names and their size
	names map[uint64][]location
	size  int

	// work is held by whoever reads the file: one at a time, for as long as the
	// file system makes it wait. It guards what follows.
	work   chan struct{}
	file   source
	spent  allowance
	closed bool
	tables *tables
	err    error // why there are none
}

// newObject takes over an open file. Of system libraries lines are not wanted:
// nobody is helped by them, and libc's take a second to read.
func newObject(id fileID, file source, lines bool, total *atomic.Int64) *object {
	return &object{id: id, file: file, lines: lines, total: total, work: make(chan struct{}, 1), names: map[uint64][]location{}}
}

// maxNamesKept bounds the addresses whose names one object remembers.
const maxNamesKept = 16 << 10

// at names an offset in the file: no location when the file is sound but has no
// name for it. What was asked before costs no system call. It waits no longer
// than patience; work that takes longer goes on, for as long as the file is
// allowed, so that who asks later finds it done.
func (o *object) at(offset uint64, patience time.Duration) ([]location, error) {
	o.known.Lock()
	l, ok := o.names[offset]
	o.known.Unlock()
	if ok {
		return l, nil
	}
	if patience <= 0 || o.slow.Load() && !o.free() {
		return nil, errSlow
	}
	l, err := whileBusy(o.work, patience, func() ([]location, error) {
		if o.closed {
			return nil, errClosed
		}
		if o.err != nil {
			return nil, o.err
		}
		return o.lookUp(offset)
	})
	if errors.Is(err, errSlow) {
		o.slow.Store(true)
	}
	return l, err
}

// lookUp names an offset in possession of work.
func (o *object) lookUp(offset uint64) ([]location, error) {
	begin := time.Now()
	rest := o.spent.rest(begin)
	if rest <= 0 {
		return nil, errSpent
	}
	defer func() { o.spent.spend(time.Since(begin)) }()
	if o.tables == nil {
		err := guarded(func() (err error) {
			o.tables, err = readTables(o.file, o.id.size, o.lines, begin.Add(opening))
			return err
		})
		if err != nil {
			if !errors.Is(err, errSpent) { // what was only slow may be faster another time
				o.err = err
			}
			return nil, err
		}
		rest = max(rest-time.Since(begin), leastAllowed)
	}
	var l []location
	err := guarded(func() (err error) {
		l, err = o.tables.locate(offset, time.Now().Add(rest))
		return err
	})
	if errors.Is(err, errSpent) {
		return nil, err
	}
	o.remember(offset, l) // damaged tables name nothing
	return l, nil
}

// free reports whether nobody reads the file any more.
func (o *object) free() bool {
	select {
	case o.work <- struct{}{}:
		<-o.work
		o.slow.Store(false)
		return true
	default:
		return false
	}
}

func (o *object) remember(offset uint64, l []location) {
	o.known.Lock()
	defer o.known.Unlock()
	if len(o.names) >= maxNamesKept {
		clear(o.names)
		o.size = 0
	}
	o.names[offset] = l
	o.size += 64
	for i := range l {
		o.size += 48 + len(l[i].function) + len(l[i].file)
	}
	o.weigh(int64(o.tables.memory() + o.size))
}

func (o *object) weigh(n int64) { o.total.Add(n - o.memory.Swap(n)) }

// forget drops the tables and the names; they are read again when needed.
func (o *object) forget() {
	select {
	case o.work <- struct{}{}:
	default:
		return // being used
	}
	defer func() { <-o.work }()
	o.known.Lock()
	defer o.known.Unlock()
	o.tables.close()
	o.tables, o.names, o.size = nil, map[uint64][]location{}, 0
	o.weigh(0)
}

// close closes the file, at once or when whoever reads it is done.
func (o *object) close() {
	shut := func() {
		o.tables.close()
		o.closed, o.tables = true, nil
		o.known.Lock()
		o.names, o.size = map[uint64][]location{}, 0
		o.known.Unlock()
		o.weigh(0)
		_ = o.file.Close() // it was only read
		<-o.work
	}
	select {
	case o.work <- struct{}{}:
		shut()
	default:
		go func() {
			o.work <- struct{}{}
			shut()
		}()
	}
}

// whileBusy runs f in possession of the lock and waits for the answer no longer
// than patience. A read from a network file system whose server is gone may
// never return: then f's goroutine stays behind with the lock.
func whileBusy[T any](lock chan struct{}, patience time.Duration, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	var none T
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case lock <- struct{}{}: // a free one, however short the time
	default:
		select {
		case lock <- struct{}{}:
		case <-timer.C:
			return none, errSlow
		}
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		<-lock // before the answer: whoever gets it finds the lock free
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-timer.C:
		return none, errSlow
	}
}
