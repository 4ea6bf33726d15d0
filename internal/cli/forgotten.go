package cli

import (
	"fmt"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

// printForgotten says of how many connections the running tracer cannot know what
// was asked. list is told it unasked, where its rows have nobody to name: neither
// a holder nor an opener.
func (p *picked) printForgotten(app App, e filter.Expr, a asks, list bool) {
	var text string
	switch {
	case p.sn.Lives == nil:
	case a.opener: // of what the filter could not find too
		text = p.openedEarlier(p.matching(filter.Loosen(e, openerWords...)), false)
	case a.closer:
		text = p.closedEarlier()
	case list:
		text = p.openedEarlier(p.rows, true)
	}
	if text != "" {
		printNotes(app, p.lang, []note{{what: text}})
	}
}

// openedEarlier tells how many connections have no known opener, of all or of
// those that nobody holds; "" when it is none. One that ended between the look at
// the sockets and that at the memory counts as well: nothing tells it apart.
func (p *picked) openedEarlier(rows []int32, unheld bool) string {
	of, unknown, lost := 0, 0, false
	for _, row := range rows {
		s := &p.sn.Sockets[row]
		if !s.State.Connected() || unaccepted(s) || unheld && s.PID != 0 {
			continue
		}
		of++
		l := p.life(s)
		if s.Cookie == 0 || l.Opener != nil || !l.OpenedAt.IsZero() { // the last: it ended before anybody accepted it
			continue
		}
		unknown++
		lost = lost || p.lost(s, l)
	}
	which, whichZH := "connections", "个连接"
	if unheld {
		which, whichZH = "connections that nobody holds", "个无人持有的连接"
	}
	at := p.startOfMemory()
	switch zh := p.lang == "zh"; {
	case unknown == 0:
		return ""
	case lost && zh:
		return fmt.Sprintf("%d %s中，有 %d 个没有人记得是谁打开的：它们早于跟踪器（%s），或者跟踪器没有空间记住它们", of, whichZH, unknown, at)
	case lost:
		return fmt.Sprintf("nobody remembers who opened %d of %d %s: they are older than the tracer (%s), or it had no room for them",
			unknown, of, which, at)
	case zh:
		return fmt.Sprintf("%d %s中，有 %d 个在跟踪器启动（%s）之前打开，因此没有人记得是谁打开的", of, whichZH, unknown, at)
	}
	return fmt.Sprintf("%d of %d %s were opened before the tracer started (%s), so nobody remembers who opened them", unknown, of, which, at)
}

// unaccepted reports whether a connection still waits for an accept(): it has no
// opener yet, whoever watches. Only sockets that a program has or had a descriptor
// of get an inode, and they lose it no earlier than in FIN_WAIT_1 or LAST_ACK.
func unaccepted(s *tcp.Socket) bool {
	switch s.State {
	case tcp.SynReceived, tcp.NewSynRecv:
		return true
	case tcp.Established, tcp.CloseWait:
		return s.Inode == 0
	}
	return false
}

// lost reports whether a connection is not remembered although the tracer watched
// it close, and then takes note even of an older one.
func (p *picked) lost(s *tcp.Socket, l *host.Life) bool {
	age, ok := s.Age()
	return ok && *l == noLife && p.sn.TakenAt.Add(-age-time.Second).After(p.sn.Remembered)
}

// closedEarlier tells of how many the closer is inferred; "" when it is none.
func (p *picked) closedEarlier() string {
	of, unseen := 0, 0
	for _, row := range p.rows {
		s := &p.sn.Sockets[row]
		if p.Closer(s) == tcp.Neither {
			continue
		}
		if of++; p.life(s).Closer == host.CloserUnknown && s.Cookie != 0 {
			unseen++
		}
	}
	switch at := p.startOfMemory(); {
	case unseen == 0:
		return ""
	case p.lang == "zh":
		return fmt.Sprintf("%d 个连接中，有 %d 个的关闭没有被跟踪器（%s 启动）看到：谁先关闭只由状态推断", of, unseen, at)
	default:
		return fmt.Sprintf("%d of %d connections closed unseen by the tracer (started %s): only their state tells who closed first", unseen, of, at)
	}
}

// startOfMemory is when the tracer began, with the day when that is not today.
func (p *picked) startOfMemory() string {
	layout := "15:04:05"
	if p.sn.TakenAt.Sub(p.sn.Remembered) > 12*time.Hour {
		layout = time.DateTime
	}
	return p.sn.Remembered.Format(layout)
}
