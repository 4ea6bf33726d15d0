// Package ledger is the durable record of what Sockeye changed on this machine:
// what it is about to do stands there before it does it.
//
// In: entries of the packages that change things, as JSON bodies of their own.
// Out: the same entries, after a crash as well. It judges no body: who reads one
// back must not believe it more than any other file.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sockeye/internal/durable"
)

// Errors that callers tell apart.
var (
	// ErrUnsafe is a directory that somebody else could have prepared.
	ErrUnsafe = errors.New("not safe")
	// ErrBusy says that another process is changing this machine right now.
	ErrBusy = errors.New("another sockeye is at work")
	// ErrDamaged is an entry that cannot be read.
	ErrDamaged = errors.New("damaged entry")
)

// Status says how far an entry came.
type Status string

// Each entry begins as Begun; what says so, or Undoing, after its process has
// ended was interrupted there.
const (
	Begun      Status = "begun"
	Done       Status = "done"
	Failed     Status = "failed"      // nothing of it is in force
	Undoing    Status = "undoing"     // it was in force and is being undone
	RolledBack Status = "rolled-back" // it was in force and has been undone
)

// Entry is one thing that was done.
type Entry struct {
	ID     uint64          `json:"id"`               // from 1, in order
	At     time.Time       `json:"at"`               // of its begin
	By     string          `json:"by"`               // who asked for it
	Writer *Writer         `json:"writer,omitempty"` // the process that began it; nil unknown
	Kind   string          `json:"kind"`
	Status Status          `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
}

const (
	entryMax = 1 << 20    // bytes of an entry
	idMax    = 99_999_999 // the number of the last entry: more than anybody makes
)

// Ledger is a directory of entries, a file each. It is for one goroutine.
type Ledger struct {
	// MayGo reports whether nobody needs an entry any more once there are many newer
	// ones like it: see keepEnded. It is not asked about what is Begun or Undoing, which
	// always stays. Nil: everything stays.
	MayGo func(*Entry) bool

	dir  string
	root *os.Root
}

// Open opens the ledger in dir, which it makes when it is missing. The directory
// must be its user's own (or the system's, where Windows runs), and nobody else may
// write there: else ErrUnsafe. Other errors are the system's.
func Open(dir string) (*Ledger, error) {
	dir = clean(dir)
	if err := makeDir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return existing(dir)
}

// Read opens a ledger without making one; fs.ErrNotExist when there is none.
func Read(dir string) (*Ledger, error) { return existing(clean(dir)) }

// clean takes the slash from the end of a path: with one, the system looks at what a
// link leads to, where existing wants to see the link. No path stays none.
func clean(dir string) string {
	if dir == "" {
		return dir
	}
	return filepath.Clean(dir)
}

func existing(dir string) (*Ledger, error) {
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is no directory", ErrUnsafe, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := safe(dir, info, root); err != nil {
		_ = root.Close()
		return nil, err
	}
	return &Ledger{dir: dir, root: root}, nil
}

// safe makes sure of what was opened, whatever its name stands for by now.
func safe(dir string, seen fs.FileInfo, root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	opened, err := d.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(seen, opened) {
		return fmt.Errorf("%w: %s was exchanged while it was opened", ErrUnsafe, dir)
	}
	return private(dir, d)
}

// Dir is where it is.
func (l *Ledger) Dir() string { return l.dir }

// Close closes it; what was written stays.
func (l *Ledger) Close() error { return l.root.Close() }

// Begin writes a new entry, and returns when it would survive a power cut. ErrDamaged
// when a file of the ledger has a number that leaves none for another. Before that it
// removes old entries that MayGo lets go. The caller holds the lock.
func (l *Ledger) Begin(kind string, body any) (*Entry, error) {
	id := uint64(1)
	ids, beyond, err := l.ids()
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		id = ids[len(ids)-1] + 1
	}
	if id > idMax {
		beyond = nameOf(idMax)
	}
	if beyond != "" { // a number that ids does not list would be given out again and again
		return nil, fmt.Errorf("%w: %s: entries end with number %d", ErrDamaged, filepath.Join(l.dir, beyond), idMax)
	}
	if id == 1 {
		if err := syncParent(l.dir); err != nil {
			return nil, fmt.Errorf("cannot write the ledger in %s: %w", l.dir, err)
		}
	}
	l.prune(ids) // first: a full disk has room then
	e := &Entry{ID: id, At: time.Now().UTC(), By: whoAsks(), Writer: thisProcess(), Kind: kind}
	if err := l.Update(e, Begun, body); err != nil {
		return nil, err
	}
	return e, nil
}

// Update writes the entry anew, and returns when it would survive a power cut.
// After an error *e is as it was; on the disk it is one or the other.
func (l *Ledger) Update(e *Entry, status Status, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	next := *e
	next.Status, next.Body = status, raw
	data, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return err
	}
	if len(data) > entryMax {
		return fmt.Errorf("an entry of %d bytes is larger than the ledger takes (%d)", len(data), entryMax)
	}
	if tooDeep(data) {
		return fmt.Errorf("an entry is nested deeper than the ledger takes (%d)", deepest)
	}
	if err := durable.Replace(l.root, nameOf(e.ID), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write the ledger in %s: %w", l.dir, err)
	}
	*e = next
	return nil
}

// Entries reads all entries, oldest first. damaged tells of each that cannot be
// read, with ErrDamaged.
func (l *Ledger) Entries() (all []Entry, damaged []error) {
	ids, _, err := l.ids()
	if err != nil {
		return nil, []error{err}
	}
	for _, id := range ids {
		e, err := l.Entry(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all = append(all, *e)
	}
	return all, damaged
}

// LockWithin is Lock that waits for the other process, for so long at most.
func (l *Ledger) LockWithin(ctx context.Context, patience time.Duration) (unlock func(), err error) {
	const pause = 20 * time.Millisecond // flock cannot be waited for with an end
	for over := time.Now().Add(patience); ; {
		unlock, err := l.Lock(ctx)
		if !errors.Is(err, ErrBusy) || time.Now().After(over) {
			return unlock, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Lock makes sure that no other process changes anything meanwhile; ErrBusy when
// one does. The lock ends with the process, whatever ends it.
func (l *Ledger) Lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := l.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
