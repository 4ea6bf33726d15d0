package symbol

import (
	"cmp"
	"slices"
	"time"
)

// sweep forgets what was not needed for a while and returns the objects to
// close. n.mu is held.
func (n *Namer) sweep(now time.Time) (victims []*object) {
	if now.Sub(n.swept) < min(sweepEvery, n.opts.Keep) {
		return nil
	}
	n.swept = now
	oldest := now.Add(-n.opts.Keep).UnixNano()
	held := map[*object]bool{}
	for pid, h := range n.procs {
		// The oldest first: without a later one an earlier one would be taken for it.
		for len(h) > 0 && h[0].used.Load() < oldest {
			h = h[1:]
		}
		n.set(pid, h)
		for _, p := range h {
			for i := range p.maps {
				held[p.maps[i].object] = true
			}
		}
	}
	for id, o := range n.objects {
		if !held[o] && o.used.Load() < oldest {
			delete(n.objects, id)
			victims = append(victims, o)
		}
	}
	return victims
}

// set shortens what is known of a number. n.mu is held.
func (n *Namer) set(pid int32, h history) {
	switch len(h) {
	case 0:
		delete(n.procs, pid)
	case len(n.procs[pid]):
	default:
		n.procs[pid] = slices.Clone(h) // what is cut off must not be held
	}
}

// maxMapsKept bounds the mappings of all processes together, in bytes: real ones
// have a hundred, which take 10 KB.
const maxMapsKept = 64 << 20

// dropOldest forgets what was not asked for longest when there is too much. n.mu
// is held.
func (n *Namer) dropOldest() {
	count, size := 0, 0
	for _, h := range n.procs {
		count += len(h)
		for _, p := range h {
			size += p.size
		}
	}
	for ; count > n.opts.Processes || size > maxMapsKept; count-- {
		var victim int32
		oldest := int64(1<<63 - 1)
		for pid, h := range n.procs {
			if u := h[0].used.Load(); u < oldest {
				victim, oldest = pid, u
			}
		}
		h := n.procs[victim]
		size -= h[0].size
		n.set(victim, h[1:])
	}
}

// makeRoom drops tables when there are too many bytes of them.
func (n *Namer) makeRoom() {
	if n.bytes.Load() <= n.opts.Tables {
		return
	}
	n.mu.Lock()
	objects := n.byAge()
	n.mu.Unlock()
	for _, o := range objects {
		// Somewhat less than the limit, or each stack would have to make room.
		if n.bytes.Load() <= n.opts.Tables-n.opts.Tables/4 {
			return
		}
		o.forget()
	}
}

// byAge lists the objects, the one not used longest first. n.mu is held.
func (n *Namer) byAge() []*object {
	objects := make([]*object, 0, len(n.objects))
	for _, o := range n.objects {
		objects = append(objects, o)
	}
	slices.SortFunc(objects, func(a, b *object) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	return objects
}

// keep adds an object, or returns the one of the same file that is already
// there; victims are to be closed.
func (n *Namer) keep(o *object) (kept *object, victims []*object) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if there := n.objects[o.id]; there != nil {
		return there, []*object{o}
	}
	if n.closed {
		return o, []*object{o}
	}
	n.objects[o.id] = o
	if over := len(n.objects) - n.opts.Files; over > 0 {
		for _, old := range n.byAge()[:over] {
			if old != o {
				delete(n.objects, old.id)
				victims = append(victims, old)
			}
		}
	}
	return o, victims
}

func closeAll(objects []*object) {
	for _, o := range objects {
		o.close()
	}
}
