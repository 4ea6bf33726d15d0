package cli

import (
	"net/netip"
	"strconv"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func timeColumn(layout string) lineColumn {
	return lineColumn{header: "TIME", width: len(layout), text: func(dst []byte, e *host.Event) []byte {
		return e.At.AppendFormat(dst, layout)
	}}
}

const (
	clock     = "15:04:05"
	clockMS   = "15:04:05.000"
	wholeAddr = 21 // "255.255.255.255:65535"
)

var (
	pidColumn = lineColumn{header: "PID", width: 7, right: true, text: func(dst []byte, e *host.Event) []byte {
		if o := e.Life.Opener; o != nil {
			dst = strconv.AppendInt(dst, int64(o.PID), 10)
		}
		return dst
	}}
	// comm has 15 bytes at most (TASK_COMM_LEN, include/linux/sched.h, v6.18).
	processColumn = lineColumn{header: "PROCESS", width: 15, cut: true, text: func(dst []byte, e *host.Event) []byte {
		if o := e.Life.Opener; o != nil {
			dst = append(dst, o.Name...)
		}
		return dst
	}}
	calledColumn = lineColumn{header: "PROCESS", width: 15, cut: true, text: func(dst []byte, e *host.Event) []byte {
		return appendOpener(dst, e.Life.Opener)
	}}
	localColumn  = lineColumn{header: "LOCAL", width: wholeAddr, text: func(dst []byte, e *host.Event) []byte { return appendAddrPort(dst, e.Local) }}
	remoteColumn = lineColumn{header: "REMOTE", width: wholeAddr, text: func(dst []byte, e *host.Event) []byte { return appendAddrPort(dst, e.Remote) }}
	lportColumn  = lineColumn{header: "LOCAL", width: 6, text: func(dst []byte, e *host.Event) []byte {
		switch {
		case !e.Local.Addr().IsValid():
			return dst
		case e.Local.Port() == 0:
			return append(dst, ":*"...)
		}
		return strconv.AppendUint(append(dst, ':'), uint64(e.Local.Port()), 10)
	}}
	oldColumn    = lineColumn{header: "OLD", text: func(dst []byte, e *host.Event) []byte { return appendState(dst, e, e.From) }}
	newColumn    = lineColumn{header: "NEW", text: func(dst []byte, e *host.Event) []byte { return appendNewState(dst, e) }}
	changeColumn = lineColumn{header: "OLD → NEW", width: 24, text: func(dst []byte, e *host.Event) []byte {
		if e.Call != "" {
			return appendErrno(append(append(dst, e.Call...), "() "...), e.Errno)
		}
		return appendNewState(append(appendState(dst, e, e.From), " → "...), e)
	}}
	entersColumn = lineColumn{header: "→ NEW", width: 13, text: func(dst []byte, e *host.Event) []byte {
		return appendNewState(append(dst, "→ "...), e)
	}}
	msColumn = lineColumn{header: "MS", width: 9, right: true, text: func(dst []byte, e *host.Event) []byte {
		if e.Call == "" && e.InState >= 0 {
			dst = appendMillis(dst, e.InState)
		}
		return dst
	}}
	closerColumn = lineColumn{header: "CLOSER", text: func(dst []byte, e *host.Event) []byte { return append(dst, eventCloser(e)...) }}
	endingColumn = lineColumn{header: "ENDING", text: func(dst []byte, e *host.Event) []byte { return append(dst, e.Life.Ending...) }}
	howColumn    = lineColumn{header: "CLOSER", width: 9, text: appendHow}
	callColumn   = lineColumn{header: "CALL", text: func(dst []byte, e *host.Event) []byte { return append(dst, e.Call...) }}
	errnoColumn  = lineColumn{header: "ERRNO", width: 13, text: func(dst []byte, e *host.Event) []byte { return appendErrno(dst, e.Errno) }}
	codeColumn   = lineColumn{header: "CODE", width: 32, text: func(dst []byte, e *host.Event) []byte {
		return appendCode(dst, codeValue(e.Life.Opener))
	}, fit: func(dst []byte, e *host.Event, room int) []byte {
		return appendCodeFitting(dst, codeValue(e.Life.Opener), room)
	}}
)

func appendState(dst []byte, e *host.Event, s tcp.State) []byte {
	switch {
	case e.Call != "":
		return dst
	case s == tcp.Unknown:
		return append(dst, '?')
	}
	return append(dst, s.String()...)
}

// appendNewState prints the state that is entered, with a star where no more than a
// mini-socket enters it: no event will tell how that ends.
func appendNewState(dst []byte, e *host.Event) []byte {
	dst = appendState(dst, e, e.To)
	if e.Mini && e.Call == "" {
		dst = append(dst, '*')
	}
	return dst
}

func eventCloser(e *host.Event) tcp.Side {
	if e.Call != "" {
		return tcp.Neither
	}
	return closerOf(e)
}

// appendAddrPort prints an end, "*" for what it does not have; nothing for none.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	switch {
	case !a.Addr().IsValid():
		return dst
	case a.Addr().Is6():
		dst = append(a.Addr().AppendTo(append(dst, '[')), ']')
	default:
		dst = a.Addr().AppendTo(dst)
	}
	if a.Port() == 0 {
		return append(dst, ":*"...)
	}
	return strconv.AppendUint(append(dst, ':'), uint64(a.Port()), 10)
}

// appendMillis prints milliseconds: three digits that count, 0.031, 12.4, 60012.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := d.Microseconds()
	switch {
	case us < 10_000:
		return strconv.AppendFloat(dst, float64(us)/1000, 'f', 3, 64)
	case us < 1_000_000:
		return strconv.AppendFloat(dst, float64(us/100)/10, 'f', 1, 64)
	}
	return strconv.AppendInt(dst, us/1000, 10)
}

// appendHow says who closed and how: "local", "peer RST", "linger RST" (ours, as
// the program asked with SO_LINGER 0), "timeout"; of what failed the error, which
// says more.
func appendHow(dst []byte, e *host.Event) []byte {
	closer := eventCloser(e)
	switch e.Life.Ending {
	case host.EndingLinger:
		return append(dst, "linger RST"...)
	case host.EndingReset:
		if closer != tcp.Neither {
			dst = append(append(dst, closer...), ' ')
		}
		return append(dst, "RST"...)
	case host.EndingFailed, host.EndingTimeout:
		if e.Errno != 0 {
			return appendErrno(dst, e.Errno)
		}
		return append(dst, e.Life.Ending...)
	}
	dst = append(dst, closer...)
	if e.Errno != 0 && e.Call == "" {
		if closer != tcp.Neither {
			dst = append(dst, ' ')
		}
		dst = appendErrno(dst, e.Errno)
	}
	return dst
}

// callWidth is that of "connect() EADDRNOTAVAIL".
const callWidth = 23

// appendCall prints "connect() EADDRNOTAVAIL  shop.query (shop.go:88)" in so much
// room; the line of code without its column where there is too little.
func appendCall(dst []byte, e *host.Event, gap, room int) []byte {
	start := len(dst)
	dst = changeColumn.text(dst, e)
	used := len(dst) - start // a call and an errno are ASCII
	pad := max(0, callWidth-used) + gap
	code := codeValue(e.Life.Opener)
	if code.kind == unknown {
		return dst
	}
	return appendCodeFitting(appendBlanks(dst, pad), code, max(leastPart, room-used-pad))
}
