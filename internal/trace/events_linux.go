//go:build amd64 || arm64

package trace

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// patience is how long an event may wait to be told: waking the reader for each
// would cost more than everything else.
const patience = 50 * time.Millisecond

// ErrNoEvents says that the tracer was attached without Options.Events.
var ErrNoEvents = errors.New("the tracer streams no events")

// Events calls f for everything that happens, in the order in which the kernel
// told it, and flush whenever nothing more is waiting, until ctx ends (then it
// returns nil) or the tracer is closed. An Event is the caller's to keep.
func (t *Tracer) Events(ctx context.Context, f func(*host.Event), flush func()) error {
	if t.ring == nil {
		return ErrNoEvents
	}
	var record ringbuf.Record
	d := &decoder{memory: t.memory, noticed: map[int32]uint64{}}
	for ctx.Err() == nil {
		t.ring.SetDeadline(time.Now().Add(patience))
		for {
			err := t.ring.ReadInto(&record)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if errors.Is(err, ringbuf.ErrClosed) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading the stream of events: %w", err)
			}
			if e := d.event(record.RawSample); e != nil {
				f(e)
			}
			if ctx.Err() != nil {
				break
			}
		}
		flush()
	}
	return nil
}

// LostEvents is how many events found no room in the stream so far.
func (t *Tracer) LostEvents() (uint64, error) {
	l, err := t.losses()
	return l.Events, err
}

// decoder makes events of what the kernel wrote.
type decoder struct {
	*memory
	noticed map[int32]uint64 // processes by when the namer was last told of them
}

// event decodes one record; nil when it is none.
func (m *decoder) event(raw []byte) *host.Event {
	var r tracerEvent
	if len(raw) < int(unsafe.Sizeof(r)) {
		return nil
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), raw)
	e := &host.Event{
		At:       m.at(r.At),
		NetNS:    uint64(r.Netns),
		Cookie:   r.Cookie,
		Local:    decodeEnd(r.Laddr, r.Lport),
		Remote:   remoteEnd(&r),
		From:     state(r.From),
		To:       state(r.To),
		Mini:     r.Flags&eventMini != 0,
		InState:  -1,
		Call:     callName(uint16(r.Call)),
		Errno:    uint32(r.Error),
		Sent:     r.Sent,
		Received: r.Received,
		Retrans:  r.Retrans,
	}
	if r.Since != 0 && r.At > r.Since { // equal: the socket begins with this event
		e.InState = time.Duration(r.At - r.Since)
	}
	l := &e.Life
	l.Incoming = r.Flags&lifeIncoming != 0
	l.OpenedAt, l.ClosedAt = m.at(r.Opened), m.at(r.Closed)
	l.Closer, l.Ending = decodeEnding(r.Ending)
	if r.Pid != 0 {
		l.Opener = m.eventOpener(&r)
	}
	return e
}

func (m *decoder) eventOpener(r *tracerEvent) *host.Opener {
	o := &host.Opener{
		PID:      int32(r.Pid),
		TID:      int32(r.Tid),
		Name:     decodeName(r.Name),
		Cgroup:   m.cgroups.path(r.Cgroup),
		Accepted: r.Flags&eventAccepted != 0,
	}
	m.notice(o.PID, r.At)
	o.Stack = m.stacks.of(r.Stack, Call{PID: o.PID, TID: o.TID, Name: o.Name, Cookie: r.Cookie, At: m.at(r.Opened)})
	return o
}

// notice tells the namer of a process once a second: it may have called exec.
func (m *decoder) notice(pid int32, now uint64) {
	if m.options.Namer == nil || now-m.noticed[pid] < uint64(time.Second) {
		return
	}
	if len(m.noticed) >= 4096 {
		clear(m.noticed)
	}
	m.noticed[pid] = now
	m.options.Namer.Observe(pid)
}

func state(s uint8) tcp.State {
	if s >= tcp.NumStates {
		return tcp.Unknown
	}
	return tcp.State(s)
}

// remoteEnd is the zero AddrPort for a listener and for calls that name none.
func remoteEnd(r *tracerEvent) netip.AddrPort {
	if r.Rport == 0 && (r.Flags&eventListening != 0 || decodeAddr(r.Raddr).IsUnspecified()) {
		return netip.AddrPort{}
	}
	return decodeEnd(r.Raddr, r.Rport)
}
