package symbol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// errMalformed is what every table says that contradicts itself.
var errMalformed = errors.New("malformed")

// data is a part of a file, or memory: read by windows, never as a whole.
type data struct {
	r    io.ReaderAt
	base int64 // in r
	size int64
}

func memory(b []byte) data { return data{r: bytes.NewReader(b), size: int64(len(b))} }

// part returns what lies in d from off on, at most size bytes.
func (d data) part(off, size uint64) data {
	if off > uint64(d.size) {
		return data{}
	}
	return data{r: d.r, base: d.base + int64(off), size: int64(min(size, uint64(d.size)-off))}
}

// maxAtOnce bounds the memory of one read. The longest is the table of functions
// of a Go program, 32 MiB.
const maxAtOnce = 64 << 20

// at reads the n bytes at off; fewer where d ends earlier, none where that is
// too much. Nothing is reserved before it is known to be allowed: n may be what
// a file claims.
func (d data) at(off uint64, n int) []byte {
	w := d.part(off, uint64(max(n, 0)))
	if w.size == 0 || w.size > maxAtOnce {
		return nil
	}
	if r, ok := w.r.(metered); ok && r.m.affords(w.size) != nil {
		return nil
	}
	buf := make([]byte, w.size)
	got, _ := w.r.ReadAt(buf, w.base) // what is cut off is missing
	return buf[:max(got, 0)]
}

// exactly is at, but all or nothing.
func (d data) exactly(off uint64, n int) ([]byte, error) {
	b := d.at(off, n)
	if len(b) != n {
		return nil, errMalformed
	}
	return b, nil
}

// maxString bounds a name or a path.
const maxString = 4096

// short reads a string of less than n bytes, "" for any other.
func (d data) short(off uint64, n int) string {
	b := d.at(off, n)
	return string(b[:max(bytes.IndexByte(b, 0), 0)])
}

// text reads the string at off that ends with a zero byte, "" when it does not end.
func (d data) text(off uint64) string {
	for _, n := range []int{96, maxString} {
		b := d.at(off, n)
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(b[:i])
		}
	}
	return ""
}

// guarded turns a panic of a decoder, ours or the standard library's, into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errMalformed, r)
		}
	}()
	return f()
}
