package symbol

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// readProcess reads mappings and opens files of a process. It is read again
// when it called exec() meanwhile; when it ended meanwhile what was read stays good.
func (n *Namer) readProcess(pid int32) (*process, error) {
	dir, err := openProc(n.opts.Root, pid)
	if err != nil {
		return nil, err
	}
	defer dir.close()
	const tries = 3
	for range tries {
		p := &process{read: n.now()}
		p.used.Store(p.read.UnixNano())
		now, err := dir.status()
		if err != nil {
			return nil, err
		}
		p.generation = now.generation
		p.life = newLifetime(now, p.read, n.now())
		if p.maps, err = dir.readMaps(); err != nil {
			return nil, err
		}
		p.size = sizeOf(p.maps)
		p.exe = strings.TrimSuffix(dir.link("exe"), " (deleted)")
		p.runtime = runtimeGap(p.exe)
		n.openAll(dir, p)
		if after, err := dir.status(); err != nil || after.generation == p.generation {
			return p, nil
		}
	}
	return nil, unix.EAGAIN // it does nothing but exec()
}

// openAll finds the object of each mapping of a file.
func (n *Namer) openAll(dir procDir, p *process) {
	type key struct {
		major, minor uint32
		inode        uint64
		path         string
	}
	type found struct {
		o      *object
		device bool
	}
	seen := map[key]found{}
	for i := range p.maps {
		m := &p.maps[i]
		if m.inode == 0 {
			continue
		}
		m.runtime = runtimeGap(m.path)
		k := key{m.major, m.minor, m.inode, m.path}
		f, known := seen[k]
		if !known && len(seen) < maxProcessObj {
			var err error
			f.o, err = n.openObject(dir, m, p.exe)
			f.device = errors.Is(err, errNotRegular)
			seen[k] = f
		}
		m.object, m.device = f.o, f.device
	}
}

// openObject returns the object behind a mapping.
func (n *Namer) openObject(dir procDir, m *mapping, exe string) (*object, error) {
	fd, st, err := dir.openMapped(m, exe)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	id, now := identify(&st), n.now().UnixNano()
	n.mu.Lock()
	o := n.objects[id]
	n.mu.Unlock()
	if o == nil {
		var file *os.File
		if file, err = openRead(fd); err != nil {
			return nil, err
		}
		o = newObject(id, file, m.path == exe || !systemLibrary(m.path), &n.bytes)
		o.used.Store(now)
		var victims []*object
		o, victims = n.keep(o)
		closeAll(victims)
	}
	o.used.Store(now)
	return o, nil
}

// statusOf reads the status of a process that was observed before.
func statusOf(root string, pid int32) (status, error) {
	return readStatus(unix.AT_FDCWD, root+"/"+strconv.Itoa(int(pid)), strconv.Itoa(int(pid)))
}

// mayReread reports whether it is time to read the mappings again, and counts it.
func (p *process) mayReread(now time.Time) bool {
	last := p.reread.Load()
	since := now.UnixNano() - max(last, p.read.UnixNano())
	return since >= int64(rereadEvery) && p.reread.CompareAndSwap(last, now.UnixNano())
}
