package cli

import (
	"strconv"
	"time"

	"sockeye/internal/host"
)

// appendOpenerJSON appends who opened a connection, null when nobody saw it. The
// whole stack is added where it is asked for; place, where given, tells the
// container from the cgroup.
func appendOpenerJSON(dst []byte, o *host.Opener, place placeFunc, stack bool) []byte {
	if o == nil {
		return append(dst, "null"...)
	}
	dst = strconv.AppendInt(append(dst, `{"pid":`...), int64(o.PID), 10)
	dst = appendValueJSON(append(dst, `,"tid":`...), numberValue(uint64(max(0, o.TID)), o.TID > 0))
	dst = appendTextJSON(append(dst, `,"process":`...), o.Name)
	dst = strconv.AppendBool(append(dst, `,"accepted":`...), o.Accepted)
	dst = appendTextJSON(append(dst, `,"cgroup":`...), o.Cgroup)
	unit, container := place.of(o.Cgroup)
	dst = appendTextJSON(append(dst, `,"unit":`...), unit)
	dst = appendContainerJSON(append(dst, `,"container":`...), container)
	code := codeValue(o)
	dst = append(dst, `,"code":`...)
	if code.kind == gapInStack {
		dst = appendTextJSON(append(dst, `null,"gap":`...), code.text)
	} else {
		dst = append(appendValueJSON(dst, code), `,"gap":null`...)
	}
	if stack {
		dst = appendStackJSON(append(dst, `,"stack":`...), o.Stack)
	}
	return append(dst, '}')
}

func appendContainerJSON(dst []byte, c *host.Container) []byte {
	if c == nil {
		return append(dst, "null"...)
	}
	dst = appendTextJSON(append(dst, `{"id":`...), c.ID)
	return append(appendTextJSON(append(dst, `,"name":`...), c.Name), '}')
}

// appendStackJSON appends every frame, innermost call first; null when no stack
// was taken.
func appendStackJSON(dst []byte, s *host.Stack) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i, f := range s.Frames {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTextJSON(append(dst, `{"function":`...), f.Function)
		dst = appendTextJSON(append(dst, `,"file":`...), f.File)
		dst = appendValueJSON(append(dst, `,"line":`...), numberValue(uint64(max(0, f.Line)), f.Line > 0))
		dst = appendTextJSON(append(dst, `,"module":`...), f.Module)
		dst = strconv.AppendUint(append(dst, `,"addr":"0x`...), f.Addr, 16)
		dst = append(strconv.AppendBool(append(dst, `","own":`...), f.Own), '}')
	}
	return append(dst, ']')
}

// appendPlaceJSON appends a line of code.
func appendPlaceJSON(dst []byte, x value) []byte {
	dst = appendTextJSON(append(dst, `{"function":`...), x.text)
	dst = appendTextJSON(append(dst, `,"file":`...), x.file)
	return append(appendValueJSON(append(dst, `,"line":`...), numberValue(x.n, x.n > 0)), '}')
}

// appendSecondsJSON appends seconds down to the microsecond, null when unknown.
func appendSecondsJSON(dst []byte, d time.Duration, known bool) []byte {
	if !known {
		return append(dst, "null"...)
	}
	return appendFraction(dst, d.Microseconds(), 6)
}

// appendFraction prints n/10^digits without trailing zeros: 0.000031.
func appendFraction(dst []byte, n int64, digits int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	scale := int64(1)
	for range digits {
		scale *= 10
	}
	dst = strconv.AppendInt(dst, n/scale, 10)
	frac := n % scale
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; frac > 0; frac %= scale {
		scale /= 10
		dst = append(dst, byte('0'+frac/scale))
	}
	return dst
}

// placeFunc tells the unit and the container of a cgroup's path.
type placeFunc func(cgroup string) (unit string, c *host.Container)

func (f placeFunc) of(cgroup string) (unit string, c *host.Container) {
	if f == nil || cgroup == "" {
		return "", nil
	}
	return f(cgroup)
}

// placesOnce asks once for each cgroup: a machine has a hundred thousand sockets
// of a handful of them.
func placesOnce(ask placeFunc) placeFunc {
	type place struct {
		unit      string
		container *host.Container
	}
	known := map[string]place{}
	return func(cgroup string) (string, *host.Container) {
		p, asked := known[cgroup]
		if !asked {
			p.unit, p.container = ask(cgroup)
			known[cgroup] = p
		}
		return p.unit, p.container
	}
}
