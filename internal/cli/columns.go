package cli

import (
	"slices"
	"strconv"

	"sockeye/internal/tcp"
)

// column is one column of list's table.
type column struct {
	header string
	right  bool // numbers
	flex   bool // may be shortened when the terminal is narrow
	// text appends the cell as it is, nothing when it is unknown.
	text func(v *view, dst []byte, s *tcp.Socket) []byte
}

var stateColumn = column{header: "STATE", text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
	return append(dst, s.State.String()...)
}}

var baseColumns = []column{
	{header: "RECV-Q", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		return strconv.AppendUint(dst, uint64(s.RecvQ), 10)
	}},
	{header: "SEND-Q", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		return strconv.AppendUint(dst, uint64(s.SendQ), 10)
	}},
	{header: "LOCAL", text: func(v *view, dst []byte, s *tcp.Socket) []byte { return v.appendEnd(dst, s, false) }},
	{header: "REMOTE", text: func(v *view, dst []byte, s *tcp.Socket) []byte { return v.appendEnd(dst, s, true) }},
	{header: "PROCESS", flex: true, text: appendProcess},
}

var (
	timerColumn = column{header: "TIMER", text: appendTimer}
	netnsColumn = column{header: "NETNS", text: func(v *view, dst []byte, s *tcp.Socket) []byte {
		switch name := v.Namespace(s.NetNS); {
		case name != "":
			return append(dst, name...)
		case s.NetNS != 0:
			return strconv.AppendUint(dst, s.NetNS, 10)
		}
		return dst
	}}
)

var wideColumns = []column{
	{header: "USER", flex: true, text: func(v *view, dst []byte, s *tcp.Socket) []byte { return append(dst, v.userText(s)...) }},
	{header: "UNIT", flex: true, text: func(v *view, dst []byte, s *tcp.Socket) []byte {
		if p := v.process(s); p != nil {
			dst = append(dst, p.Unit...)
		}
		return dst
	}},
	{header: "CONTAINER", flex: true, text: func(v *view, dst []byte, s *tcp.Socket) []byte { return append(dst, v.container(s)...) }},
	{header: "INODE", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte { return appendNonZero(dst, s.Inode) }},
	{header: "COOKIE", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte { return appendNonZero(dst, s.Cookie) }},
	{header: "AGE", right: true, text: func(v *view, dst []byte, s *tcp.Socket) []byte {
		if d, ok := v.Age(s); ok {
			dst = appendSpan(dst, d)
		}
		return dst
	}},
	{header: "RTT", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		if s.Info != nil && s.Info.RTT > 0 {
			dst = append(appendDecimal(dst, s.Info.RTT.Microseconds()), "ms"...)
		}
		return dst
	}},
	{header: "RETRANS", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		if s.Info != nil {
			dst = strconv.AppendUint(dst, uint64(s.Info.Retrans), 10)
		}
		return dst
	}},
	{header: "LASTSND", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		if s.Info != nil {
			dst = appendSpan(dst, s.Info.LastSend)
		}
		return dst
	}},
	{header: "LASTRCV", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		if s.Info != nil {
			dst = appendSpan(dst, s.Info.LastRecv)
		}
		return dst
	}},
	{header: "DEV", text: func(v *view, dst []byte, s *tcp.Socket) []byte { return append(dst, v.ifaceText(s.NetNS, s.Iface)...) }},
	{header: "MARK", right: true, text: func(_ *view, dst []byte, s *tcp.Socket) []byte {
		return strconv.AppendUint(append(dst, "0x"...), uint64(s.Mark), 16)
	}},
	{header: "PORT-BY", text: func(_ *view, dst []byte, s *tcp.Socket) []byte { return append(dst, portUse(s.Port)...) }},
	{header: "OPENER", flex: true, text: func(v *view, dst []byte, s *tcp.Socket) []byte { return appendOpener(dst, v.life(s).Opener) }},
	{header: "CLOSER", text: func(v *view, dst []byte, s *tcp.Socket) []byte { return append(dst, v.Closer(s)...) }},
}

// openedAtColumn is the line of code that opened the socket, as far as a tracer knows.
var openedAtColumn = column{header: "CODE", flex: true, text: func(v *view, dst []byte, s *tcp.Socket) []byte {
	return appendCode(dst, codeValue(v.openerOf(s)))
}}

// portUse names how the local port was taken; "" where the source cannot tell.
func portUse(p tcp.PortUse) string {
	switch p {
	case tcp.PortAuto:
		return "connect"
	case tcp.PortBound:
		return "bind"
	}
	return ""
}

func appendNonZero(dst []byte, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(dst, n, 10)
}

// appendEnd prints one end; what it does not have is '*', as in netstat.
func (v *view) appendEnd(dst []byte, s *tcp.Socket, remote bool) []byte {
	end := s.Local
	if remote {
		end = s.Remote
	}
	switch a := end.Addr(); {
	case !a.IsValid():
		dst = append(dst, '*')
	case a.Is4():
		dst = a.AppendTo(dst)
	default:
		dst = append(a.AppendTo(append(dst, '[')), ']')
	}
	dst = append(dst, ':')
	if end.Port() == 0 {
		return append(dst, '*')
	}
	if v.showNames {
		if name, ok := v.services.Name(end.Port()); ok {
			return append(dst, name...)
		}
	}
	return strconv.AppendUint(dst, uint64(end.Port()), 10)
}

// appendProcess prints "nginx(812)", and "nginx(812)+3" where three more
// processes hold the socket. A socket that nobody holds any more shows who opened
// it, with an arrow that no owner has: "←nginx(812)".
func appendProcess(v *view, dst []byte, s *tcp.Socket) []byte {
	if s.PID == 0 {
		if o := v.openerOf(s); o != nil {
			dst = appendOpener(append(dst, "←"...), o)
		}
		return dst
	}
	dst = appendCalled(dst, v.processName(s.PID), s.PID)
	if n := len(v.Sharers(s)); n > 1 {
		dst = strconv.AppendInt(append(dst, '+'), int64(n-1), 10)
	}
	return dst
}

// appendTimer prints kind, time left and retries, as ss has them between the
// parentheses of timer:(…).
func appendTimer(_ *view, dst []byte, s *tcp.Socket) []byte {
	if s.Timer.Kind == tcp.TimerOff {
		return dst
	}
	dst = append(append(dst, s.Timer.Kind.String()...), ',')
	dst = append(appendSpan(dst, s.Timer.Expires), ',')
	return strconv.AppendUint(dst, uint64(s.Timer.Retries), 10)
}

// columnsFor chooses the columns. On a terminal those that would be empty or
// the same in every row are left out; on a pipe the columns never change, for
// scripts to rely on.
func (v *view) columnsFor(rows []int32, wide, terminal bool) []column {
	columns := append([]column{stateColumn}, baseColumns...)
	timers, several, queues := !terminal, !terminal, !terminal || wide
	for _, i := range rows {
		timers = timers || v.sn.Sockets[i].Timer.Kind != tcp.TimerOff
		several = several || v.sn.Sockets[i].NetNS != v.sn.Sockets[rows[0]].NetNS
		queues = queues || v.sn.Sockets[i].RecvQ != 0 || v.sn.Sockets[i].SendQ != 0
	}
	if !queues {
		columns = slices.Delete(columns, 1, 3)
	}
	if timers {
		columns = append(columns, timerColumn)
	}
	if several {
		columns = append(columns, netnsColumn)
	}
	more := []column{openedAtColumn}
	if wide {
		more = append(slices.Clone(wideColumns), openedAtColumn)
	}
	for _, c := range more {
		if !terminal || v.fills(c, rows) {
			columns = append(columns, c)
		}
	}
	return columns
}

// fills reports whether a column has something to say of any row.
func (v *view) fills(c column, rows []int32) bool {
	if c.header == openedAtColumn.header && v.sn.Lives == nil {
		return false
	}
	var cell []byte
	for _, i := range rows {
		if cell = c.text(v, cell[:0], &v.sn.Sockets[i]); len(cell) > 0 {
			return true
		}
	}
	return false
}

// ifaceText is the interface's name, or its index where the name is not known.
func (v *view) ifaceText(netns uint64, index uint32) string {
	if index == 0 {
		return ""
	}
	if name := v.Interface(netns, index); name != "" {
		return name
	}
	return strconv.FormatUint(uint64(index), 10)
}
