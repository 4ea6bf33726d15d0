package cli

import (
	"strconv"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// appendEventJSON appends one event as an object. What is unknown is null;
// objects may grow, never change.
func (o *traceOptions) appendEventJSON(dst []byte, e *host.Event) []byte {
	kind := "state"
	switch {
	case e.Call != "":
		kind = "failure"
	case o.lives:
		kind = "life"
	}
	dst = append(append(append(dst, `{"event":"`...), kind...), '"')
	dst = appendTimeJSON(append(dst, `,"at":`...), e.At)
	dst = appendValueJSON(append(dst, `,"netns":`...), serialOrNull(e.NetNS))
	dst = appendValueJSON(append(dst, `,"cookie":`...), numberValue(e.Cookie, e.Cookie != 0))
	dst = appendEndJSON(append(dst, `,"laddr":`...), `,"lport":`, e.Local)
	dst = appendEndJSON(append(dst, `,"raddr":`...), `,"rport":`, e.Remote)
	dst = appendWhoJSON(dst, e.Life.Opener)
	dst = appendOpenerJSON(append(dst, `,"opener":`...), e.Life.Opener, o.place, o.wide)
	dst = appendTextJSON(append(dst, `,"direction":`...), eventDirection(e))
	dst = appendTextJSON(append(dst, `,"closer":`...), string(eventCloser(e)))
	dst = appendTextJSON(append(dst, `,"ending":`...), string(e.Life.Ending))
	dst = appendStateJSON(append(dst, `,"old_state":`...), e, e.From)
	dst = appendStateJSON(append(dst, `,"new_state":`...), e, e.To)
	dst = append(dst, `,"mini":`...) // the kernel keeps no more than a mini-socket
	if e.Call != "" {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendBool(dst, e.Mini)
	}
	dst = appendSecondsJSON(append(dst, `,"in_state_s":`...), e.InState, e.Call == "" && e.InState >= 0)
	dst = appendTextJSON(append(dst, `,"call":`...), e.Call)
	dst = appendErrnoJSON(dst, e.Errno)
	ended := finished(e)
	dst = appendValueJSON(append(dst, `,"sent":`...), numberValue(e.Sent, ended))
	dst = appendValueJSON(append(dst, `,"received":`...), numberValue(e.Received, ended))
	dst = appendValueJSON(append(dst, `,"retrans":`...), numberValue(uint64(e.Retrans), ended))
	age, known := lasted(e)
	return append(appendSecondsJSON(append(dst, `,"age_s":`...), age, known), '}')
}

// appendWhoJSON appends pid and process as the rows of list have them; here they
// are the opener's, and of a failed call its caller's.
func appendWhoJSON(dst []byte, o *host.Opener) []byte {
	if o == nil {
		return append(dst, `,"pid":null,"process":null`...)
	}
	dst = strconv.AppendInt(append(dst, `,"pid":`...), int64(o.PID), 10)
	return appendTextJSON(append(dst, `,"process":`...), o.Name)
}

func appendErrnoJSON(dst []byte, errno uint32) []byte {
	dst = appendValueJSON(append(dst, `,"errno":`...), numberValue(uint64(errno), errno != 0))
	return appendTextJSON(append(dst, `,"errno_name":`...), errnoName(errno))
}

func appendStateJSON(dst []byte, e *host.Event, s tcp.State) []byte {
	if e.Call != "" || s == tcp.Unknown {
		return append(dst, "null"...)
	}
	return append(append(append(dst, '"'), s.String()...), '"')
}

func appendTimeJSON(dst []byte, at time.Time) []byte {
	return append(at.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}
