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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	entryMax = 1 << 20 // bytes of an entry
	suffix   = ".json"
	idDigits = 8
)

// Ledger is a directory of entries, a file each. It is for one goroutine.
type Ledger struct {
	dir  string
	root *os.Root
}

// Open opens the ledger in dir, which it makes when it is missing. The directory
// must be its user's own (or the system's, where Windows runs), and nobody else may
// write there: else ErrUnsafe. Other errors are the system's.
func Open(dir string) (*Ledger, error) {
	if err := makeDir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return existing(dir)
}

// Read opens a ledger without making one; fs.ErrNotExist when there is none.
func Read(dir string) (*Ledger, error) { return existing(dir) }

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

// Begin writes a new entry, and returns when it would survive a power cut.
func (l *Ledger) Begin(kind string, body any) (*Entry, error) {
	id := uint64(1)
	ids, err := l.ids()
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		id = ids[len(ids)-1] + 1
	}
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
	if err := durable.Replace(l.root, nameOf(e.ID), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write the ledger in %s: %w", l.dir, err)
	}
	*e = next
	return nil
}

// Entries reads all entries, oldest first. damaged tells of each that cannot be
// read, with ErrDamaged.
func (l *Ledger) Entries() (all []Entry, damaged []error) {
	ids, err := l.ids()
	if err != nil {
		return nil, []error{err}
	}
	for _, id := range ids {
		e, err := l.Entry(id)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all = append(all, *e)
	}
	return all, damaged
}

// Entry reads one entry; fs.ErrNotExist or ErrDamaged.
func (l *Ledger) Entry(id uint64) (*Entry, error) {
	name := nameOf(id)
	info, err := l.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a FIFO would wait for its other end
		return nil, fmt.Errorf("%w: %s is no file of the ledger", ErrDamaged, filepath.Join(l.dir, name))
	}
	f, err := l.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > entryMax {
		return nil, fmt.Errorf("%w: %s is no file of the ledger", ErrDamaged, filepath.Join(l.dir, name))
	}
	data, err := io.ReadAll(io.LimitReader(f, entryMax+1))
	if err != nil {
		return nil, err
	}
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Join(l.dir, name), err)
	}
	if e.ID != id {
		return nil, fmt.Errorf("%w: %s says that it is entry %d", ErrDamaged, filepath.Join(l.dir, name), e.ID)
	}
	return &e, nil
}

// ids lists the entries that there are, ascending.
func (l *Ledger) ids() ([]uint64, error) {
	d, err := l.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, suffix)
		if !ok || len(digits) < idDigits {
			continue
		}
		if id, err := strconv.ParseUint(digits, 10, 63); err == nil && id > 0 && nameOf(id) == name {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func nameOf(id uint64) string { return fmt.Sprintf("%0*d%s", idDigits, id, suffix) }

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
