package cli

import (
	"strconv"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// life is what a tracer remembers of the socket; of what nobody remembers it is
// empty, never nil.
func (v *view) life(s *tcp.Socket) *host.Life {
	if l := v.sn.Life(s); l != nil {
		return l
	}
	return &noLife
}

var noLife host.Life

// Opener implements filter.Names.
func (v *view) Opener(s *tcp.Socket) (pid int32, name string, ok bool) {
	o := v.life(s).Opener
	if o == nil {
		return 0, "", false
	}
	return o.PID, o.Name, true
}

// Closer implements filter.Names: what was seen, else what the state tells.
func (v *view) Closer(s *tcp.Socket) tcp.Side {
	if c := v.life(s).Closer; c != host.CloserUnknown {
		return tcp.Side(c)
	}
	return s.State.FirstCloser()
}

// Code implements filter.Names.
func (v *view) Code(s *tcp.Socket) (function, file string, line int) {
	switch x := codeValue(v.openerOf(s)); x.kind {
	case place:
		return x.text, x.file, int(x.n)
	case gapInStack:
		return string(x.appendTo(nil)), "", 0
	}
	return "", "", 0
}

// Age implements filter.Names. The memory knows one more age than the kernel's
// table: CLOSE_WAIT is entered with the FIN of the peer that closed first.
func (v *view) Age(s *tcp.Socket) (time.Duration, bool) {
	l := v.life(s)
	if s.State != tcp.CloseWait || l.Closer != host.CloserPeer || l.Ending != host.EndingFin || l.ClosedAt.IsZero() {
		return s.Age()
	}
	return max(0, v.sn.TakenAt.Sub(l.ClosedAt)), true
}

// direction says which way a connection was opened, "" where nobody saw it.
func direction(l *host.Life) string {
	switch {
	case l.Incoming:
		return "incoming"
	case l.Opener != nil || !l.OpenedAt.IsZero():
		return "outgoing"
	}
	return ""
}

// notSampled stands for the line of a connection whose stack was not taken: of a
// busy program's only one in N is.
const notSampled = "not sampled"

// openerOf is who opened a socket; nil also while nobody has accepted it.
func (v *view) openerOf(s *tcp.Socket) *host.Opener {
	if l := v.life(s); l.Opener != nil && (l.Opener.Accepted || !l.Incoming) {
		return l.Opener
	}
	return nil
}

// codeValue is the line of code that a stack leads to, or what hides it.
func codeValue(o *host.Opener) value {
	if o == nil {
		return value{}
	}
	if o.Stack == nil {
		return value{kind: gapInStack, text: notSampled}
	}
	if f, ok := o.Stack.Code(); ok {
		return value{kind: place, text: f.Function, file: f.File, n: uint64(max(0, f.Line))}
	}
	if o.Stack.Gap == host.NoGap {
		return value{}
	}
	return value{kind: gapInStack, text: string(o.Stack.Gap)}
}

// appendCode prints a line of code for people: "dao.(*Store).Query (store.go:88)",
// without the folders, and "[jit]" where it is hidden.
func appendCode(dst []byte, x value) []byte {
	if x.kind != place {
		return x.appendTo(dst)
	}
	x.text = withoutFolders(x.text)
	x.file = x.file[strings.LastIndexByte(x.file, '/')+1:]
	return x.appendTo(dst)
}

// withoutFolders leaves out the folders of a Go import path. What stands in
// brackets (a receiver, type arguments) may hold slashes of its own.
func withoutFolders(function string) string {
	head := function
	if i := strings.IndexAny(head, "([<"); i >= 0 {
		head = head[:i]
	}
	return function[strings.LastIndexByte(head, '/')+1:]
}

// appendPlace prints function, file and line as far as they are known.
func appendPlace(dst []byte, function, file string, line uint64) []byte {
	dst = append(dst, function...)
	if file == "" {
		return dst
	}
	dst = append(append(dst, " ("...), file...)
	if line > 0 {
		dst = strconv.AppendUint(append(dst, ':'), line, 10)
	}
	return append(dst, ')')
}

// appendCalled prints "java(812)".
func appendCalled(dst []byte, name string, pid int32) []byte {
	if name == "" {
		name = "?"
	}
	dst = append(append(dst, name...), '(')
	return append(strconv.AppendInt(dst, int64(pid), 10), ')')
}

func appendOpener(dst []byte, o *host.Opener) []byte {
	if o == nil {
		return dst
	}
	return appendCalled(dst, o.Name, o.PID)
}
