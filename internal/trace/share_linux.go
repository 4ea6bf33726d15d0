//go:build amd64 || arm64

package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// How the memory is shared: its maps are pinned in BPFFS/sockeye/VERSION, where
// VERSION stands for the exact programs and with them the layout of the maps.
// Whoever pinned them holds a lock on that directory as long as it watches. So a
// lock that can be had means that the maps are a dead process's: they are
// removed, by the next tracer and by the next reader. The programs are never
// pinned: they leave the kernel with their process, whatever ends it.
//
// Of several tracers one shares. When it ends, one of the others takes its place.

var errUntrusted = errors.New("the directory for sharing belongs to somebody else or is open to others")

// version names the layout of the memory: equal programs have equal maps.
var version = sync.OnceValue(func() string {
	sum := sha256.Sum256(_TracerBytes)
	return hex.EncodeToString(sum[:8])
})

// sharedMaps are what a reader needs, by the name they are pinned under.
func sharedMaps(m *tracerMaps) map[string]**ebpf.Map {
	return map[string]**ebpf.Map{
		tracerMapAbout: &m.About, tracerMapBuckets: &m.Buckets, tracerMapLives: &m.Lives, tracerMapFlows: &m.Flows,
		tracerMapFailures: &m.Failures, tracerMapStacks: &m.Stacks, tracerMapSamplings: &m.Samplings, tracerMapLost: &m.Lost,
	}
}

// share offers a memory to others until it is withdrawn.
type share struct {
	root string
	maps *tracerMaps
	stop func() // ends the waiting, once
	done sync.WaitGroup

	mu      sync.Mutex // guards what follows
	lock    *os.File   // nil: not pinned
	failure error
}

// offer pins the maps, or waits for the tracer that shares now to end.
func offer(bpffs string, maps *tracerMaps) *share {
	stopped := make(chan struct{})
	s := &share{root: bpffs, maps: maps, stop: sync.OnceFunc(func() { close(stopped) })}
	if s.claim() {
		return s
	}
	s.done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				if s.claim() {
					return
				}
			}
		}
	})
	return s
}

// claim pins the maps if nobody else does; false: try again later.
func (s *share) claim() (settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := lockDir(s.root, true)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return false
	case err != nil:
		s.failure = err
		return true
	}
	clearOthers(s.root)
	for name, m := range sharedMaps(s.maps) {
		path := filepath.Join(dir.Name(), name)
		if err := errors.Join(remove(path), (*m).Pin(path)); err != nil {
			s.failure = fmt.Errorf("sharing the memory: %w", err)
			s.failure = errors.Join(s.failure, removeDir(dir))
			return true
		}
	}
	s.lock = dir
	return true
}

func (s *share) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// withdraw removes what was pinned. It may be called again.
func (s *share) withdraw() error {
	s.stop()
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	err := removeDir(s.lock)
	s.lock = nil
	return err
}

// borrow opens the maps that another process has pinned.
func borrow(bpffs string, into *tracerMaps) error {
	dir, err := lockDir(bpffs, false)
	if err == nil {
		// Nobody holds the lock: what is there is a dead process's.
		err = errors.Join(ErrNotShared, removeDir(dir))
		return err
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w: %w", ErrNotShared, err)
	}
	spec, err := loadTracer()
	if err != nil {
		return err
	}
	for name, m := range sharedMaps(into) {
		*m, err = ebpf.LoadPinnedMap(filepath.Join(versionDir(bpffs), name), nil)
		if err == nil {
			want := spec.Maps[name]
			if (*m).Type() != want.Type || (*m).KeySize() != want.KeySize || (*m).ValueSize() != want.ValueSize || (*m).MaxEntries() > 1<<24 {
				err = fmt.Errorf("the map %s has another layout", name)
			}
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrNotShared, err), into.Close())
		}
	}
	return nil
}

// stillShared fails when the maps are not those that a living process shares.
func stillShared(bpffs string, have *tracerMaps) error {
	var now tracerMaps
	if err := borrow(bpffs, &now); err != nil {
		return fmt.Errorf("the tracer that shared its memory has ended: %w", err)
	}
	defer now.Close()
	a, err1 := mapID(have.About)
	b, err2 := mapID(now.About)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if a != b {
		return fmt.Errorf("the tracer that shared its memory has ended: %w", ErrNotShared)
	}
	return nil
}

func mapID(m *ebpf.Map) (ebpf.MapID, error) {
	info, err := m.Info()
	if err != nil {
		return 0, err
	}
	id, _ := info.ID()
	return id, nil
}

func baseDir(bpffs string) string    { return filepath.Join(bpffs, "sockeye") }
func versionDir(bpffs string) string { return filepath.Join(baseDir(bpffs), version()) }

// lockDir opens and locks the directory of this version, made when it is not
// there and make is set. EWOULDBLOCK: another process holds the lock.
func lockDir(bpffs string, make bool) (*os.File, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(bpffs, &fs); err != nil || fs.Type != unix.BPF_FS_MAGIC {
		return nil, ErrNoBPFFS
	}
	// Another process may remove it at any moment, as its last user or to clean up.
	for range 10 {
		f, err := openDir(bpffs, make)
		if err == nil {
			now, statErr := os.Lstat(versionDir(bpffs))
			if had, err := f.Stat(); statErr == nil && err == nil && os.SameFile(now, had) {
				return f, nil
			}
			err = f.Close()
		}
		if err != nil && (!make || !errors.Is(err, os.ErrNotExist)) {
			return nil, err
		}
		if !make {
			return nil, os.ErrNotExist
		}
	}
	return nil, unix.EWOULDBLOCK
}

func openDir(bpffs string, make bool) (*os.File, error) {
	for _, dir := range []string{baseDir(bpffs), versionDir(bpffs)} {
		if make {
			if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
				return nil, err
			}
		}
		if err := trusted(dir); err != nil {
			return nil, err
		}
	}
	return lockFile(versionDir(bpffs))
}

// trusted refuses a directory that others could have put something into.
func trusted(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0 {
		return errUntrusted
	}
	return nil
}

func lockFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), dir)
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// clearOthers removes what dead processes of other versions have left.
func clearOthers(bpffs string) {
	entries, _ := os.ReadDir(baseDir(bpffs))
	for _, e := range entries {
		dir := filepath.Join(baseDir(bpffs), e.Name())
		if e.Name() == version() || trusted(dir) != nil {
			continue
		}
		if f, err := lockFile(dir); err == nil {
			_ = removeDir(f) // it is another version's; what is wrong with it is no concern of ours
		}
	}
}

// removeDir removes a locked directory with what is pinned in it, and unlocks it.
func removeDir(dir *os.File) error {
	defer dir.Close()
	entries, err := os.ReadDir(dir.Name())
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, remove(filepath.Join(dir.Name(), e.Name())))
	}
	errs = append(errs, remove(dir.Name()))
	// The directory above stays when another version uses it.
	if err := remove(filepath.Dir(dir.Name())); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// remove is os.Remove of what may be gone already.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
