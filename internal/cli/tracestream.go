package cli

import (
	"bufio"
	"context"
	"net/netip"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

// stream turns events into lines.
type stream struct {
	*traceOptions
	stop    context.CancelFunc // ends the tracing
	out     *bufio.Writer
	render  func(dst []byte, e *host.Event) []byte
	names   openerNames
	socket  tcp.Socket
	matcher filter.Subject

	line    []byte
	printed int
	err     error // of stdout
}

// take prints an event, if it was asked for.
func (s *stream) take(e *host.Event) {
	if s.err != nil || s.count > 0 && s.printed >= s.count || !s.wants(e) {
		return
	}
	s.line = s.render(s.line[:0], e)
	if _, s.err = s.out.Write(s.line); s.err != nil {
		s.stop()
		return
	}
	if s.printed++; s.count > 0 && s.printed >= s.count {
		s.stop()
	}
}

func (s *stream) flush() {
	if s.err != nil {
		return
	}
	if s.err = s.out.Flush(); s.err != nil {
		s.stop()
	}
}

func (s *stream) wants(e *host.Event) bool {
	switch {
	case s.lives && !finished(e), s.failures && !failure(e):
		return false
	}
	s.names.of(e)
	s.socket = tcp.Socket{Local: e.Local, Remote: e.Remote, NetNS: e.NetNS, Cookie: e.Cookie, State: e.To}
	if o := e.Life.Opener; o != nil {
		s.socket.PID = o.PID
	}
	s.matcher.Left = e.From
	return s.expr.Match(&s.matcher)
}

// finished reports whether the event is the end of a connection: that of a
// listener, or of a socket that never connected, is none.
func finished(e *host.Event) bool {
	return e.Ended() && (e.From.Connected() || e.From == tcp.Unknown && e.Remote.Port() != 0)
}

// failure reports whether the event is a call that failed, or the end of a
// connection that did.
func failure(e *host.Event) bool {
	return e.Call != "" ||
		finished(e) && (e.Errno != 0 || e.Life.Ending == host.EndingFailed || e.Life.Ending == host.EndingTimeout)
}

// closerOf is who closed first: what was seen, else what the new state tells.
func closerOf(e *host.Event) tcp.Side {
	if e.Life.Closer != host.CloserUnknown {
		return tcp.Side(e.Life.Closer)
	}
	return e.To.FirstCloser()
}

// eventDirection says which way the connection of an event was opened.
func eventDirection(e *host.Event) string {
	switch {
	case e.Call == "connect":
		return "outgoing"
	case e.Call == "accept":
		return "incoming"
	case e.Call != "", e.From == tcp.Listen, e.To == tcp.Listen, e.To == tcp.Bound, e.From == tcp.Bound && e.To == tcp.Closed:
		return ""
	}
	return direction(&e.Life)
}

// lasted is how long the connection has lived, from connect() or SYN.
func lasted(e *host.Event) (time.Duration, bool) {
	if e.Call != "" || e.Life.OpenedAt.IsZero() {
		return 0, false
	}
	return max(0, e.At.Sub(e.Life.OpenedAt)), true
}

// openerNames answers the filter language's questions (filter.Names) about an
// event or a flow.
type openerNames struct {
	place  placeFunc
	opener *host.Opener
	closer tcp.Side
	age    time.Duration // negative: unknown
}

func (n *openerNames) of(e *host.Event) {
	n.opener, n.closer, n.age = e.Life.Opener, closerOf(e), e.InState
	if e.Call != "" {
		n.closer, n.age = tcp.Neither, -1
	}
}

// Process implements filter.Names.
func (n *openerNames) Process(int32) (filter.Process, bool) {
	if n.opener == nil {
		return filter.Process{}, false
	}
	p := filter.Process{Name: n.opener.Name, Cgroup: n.opener.Cgroup}
	unit, container := n.place.of(n.opener.Cgroup)
	p.Unit = unit
	if container != nil {
		p.ContainerID, p.ContainerName = container.ID, container.Name
	}
	return p, true
}

// Opener implements filter.Names.
func (n *openerNames) Opener(*tcp.Socket) (pid int32, name string, ok bool) {
	if n.opener == nil {
		return 0, "", false
	}
	return n.opener.PID, n.opener.Name, true
}

// Closer implements filter.Names.
func (n *openerNames) Closer(*tcp.Socket) tcp.Side { return n.closer }

// Age implements filter.Names.
func (n *openerNames) Age(*tcp.Socket) (time.Duration, bool) { return n.age, n.age >= 0 }

// Code implements filter.Names.
func (n *openerNames) Code(*tcp.Socket) (function, file string, line int) {
	switch x := codeValue(n.opener); x.kind {
	case place:
		return x.text, x.file, int(x.n)
	case gapInStack: // "[jit]", as it is printed
		return string(x.appendTo(nil)), "", 0
	}
	return "", "", 0
}

// Sharers implements filter.Names: one process opens a connection.
func (n *openerNames) Sharers(*tcp.Socket) []int32 { return nil }

// User, Interface and Namespace implement filter.Names: events do not tell.
func (n *openerNames) User(*tcp.Socket) (uid uint32, name string, ok bool) { return 0, "", false }

// Interface implements filter.Names.
func (n *openerNames) Interface(uint64, uint32) string { return "" }

// Namespace implements filter.Names.
func (n *openerNames) Namespace(uint64) string { return "" }

// asked is the address that a failed call was about: where to connect, or what
// to bind.
func asked(e *host.Event) netip.AddrPort {
	if e.Remote.Addr().IsValid() && (e.Remote.Port() != 0 || !e.Local.Addr().IsValid()) {
		return e.Remote
	}
	return e.Local
}
