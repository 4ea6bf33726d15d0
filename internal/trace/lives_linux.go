//go:build amd64 || arm64

package trace

import (
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Lives returns what is remembered of every connection, by socket cookie. Read
// it after the sockets: what began in between is then remembered, not missed.
func (m *memory) Lives() (map[uint64]*host.Life, error) {
	r := &lifeReader{memory: m, now: uint64(monotonic()), openers: map[openerKey]*host.Opener{}, found: map[uint64]*host.Life{}}
	const step = 1024 // buckets read at once: half a megabyte of lives
	all := int(m.maps.Buckets.MaxEntries())
	buckets, again := make([]tracerBucket, min(step, all)), make([]tracerBucket, min(step, all))
	lives := make([]tracerLife, places*len(buckets))
	for first := 0; first < all; first += len(buckets) {
		buckets, again = buckets[:min(step, all-first)], again[:min(step, all-first)]
		if err := readArray(m.buckets, first, buckets); err != nil {
			return nil, err
		}
		lives = lives[:places*len(buckets)]
		if err := readArray(m.lives, places*first, lives); err != nil {
			return nil, err
		}
		if err := readArray(m.buckets, first, again); err != nil {
			return nil, err
		}
		r.take(buckets, again, lives)
	}
	return r.found, nil
}

// lifeReader makes lives of what was read. A machine may have a hundred thousand
// of them, opened by a handful of calls: those are shared.
type lifeReader struct {
	*memory
	now     uint64
	openers map[openerKey]*host.Opener
	found   map[uint64]*host.Life
	slab    []host.Life
}

type openerKey struct {
	pid, tid, stack uint32
	cgroup          uint64
	name            [16]uint8
	incoming        bool
}

// take reads the places that had the same cookie before and after: no other
// socket's life was written there in between.
func (r *lifeReader) take(buckets, again []tracerBucket, lives []tracerLife) {
	for b := range buckets {
		for i, cookie := range buckets[b].Cookie {
			if cookie == 0 || cookie == busy || cookie != again[b].Cookie[i] {
				continue
			}
			if l := &lives[places*b+i]; l.State != timeWait || int64(r.now-l.Since) < timeWaitOver { // the kernel's clock may be a little ahead
				r.found[cookie] = r.life(l)
			}
		}
	}
}

// A TIME_WAIT is over a minute after it began, and that may be a minute after the
// mini-socket began in FIN_WAIT_2. Nothing tells when it is.
const (
	timeWait     = 6 // TCP_TIME_WAIT
	timeWaitOver = int64(2 * tcp.TimeWaitLen)
)

// busy marks a place that is being written: BUSY of bpf/table.h.
const busy = ^uint64(0)

func (r *lifeReader) life(raw *tracerLife) *host.Life {
	if len(r.slab) == 0 {
		r.slab = make([]host.Life, 512)
	}
	l := &r.slab[0]
	r.slab = r.slab[1:]
	l.Opener = r.opener(raw)
	l.Incoming = raw.Flags&lifeIncoming != 0
	l.OpenedAt, l.ClosedAt = r.at(raw.Opened), r.at(raw.Closed)
	l.Closer, l.Ending = decodeEnding(raw.Ending)
	return l
}

func (r *lifeReader) opener(raw *tracerLife) *host.Opener {
	if raw.Pid == 0 {
		return nil
	}
	key := openerKey{raw.Pid, raw.Tid, raw.Stack, raw.Cgroup, raw.Name, raw.Flags&lifeIncoming != 0}
	if o := r.openers[key]; o != nil {
		return o
	}
	o := &host.Opener{
		PID:      int32(raw.Pid),
		TID:      int32(raw.Tid),
		Name:     decodeName(raw.Name),
		Cgroup:   r.cgroups.path(raw.Cgroup),
		Accepted: key.incoming,
	}
	o.Stack = r.stacks.of(raw.Stack, Call{PID: o.PID, TID: o.TID, Name: o.Name, At: r.at(raw.Opened)})
	r.openers[key] = o
	return o
}

const (
	lifeIncoming   = 1 // LIFE_INCOMING and EVENT_* of bpf/tracer.h
	eventMini      = 2
	eventAccepted  = 4
	eventListening = 8
)

// decodeEnding tells who ended a connection, and how.
func decodeEnding(ending uint8) (host.Closer, host.Ending) {
	switch tracerEnding(ending) {
	case tracerEndingENDING_LOCAL_FIN:
		return host.CloserLocal, host.EndingFin
	case tracerEndingENDING_PEER_FIN:
		return host.CloserPeer, host.EndingFin
	case tracerEndingENDING_LOCAL_RESET:
		return host.CloserLocal, host.EndingReset
	case tracerEndingENDING_LOCAL_LINGER:
		return host.CloserLocal, host.EndingLinger
	case tracerEndingENDING_PEER_RESET:
		return host.CloserPeer, host.EndingReset
	case tracerEndingENDING_TIMEOUT:
		return host.CloserUnknown, host.EndingTimeout
	case tracerEndingENDING_FAILED:
		return host.CloserUnknown, host.EndingFailed
	}
	return host.CloserUnknown, host.EndingNone
}
