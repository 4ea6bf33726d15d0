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

// at reads the n bytes at off; fewer where d ends earlier.
func (d data) at(off uint64, n int) []byte {
	w := d.part(off, uint64(max(n, 0)))
	if w.size == 0 {
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

// meter lets only so many bytes be read, all files and unpacked sections of one
// executable together: a crafted file may send its reader from one table to the
// next for ever. Whoever starts a piece of work sets what it may cost.
type meter struct{ left int64 }

const (
	costOfOpening = 1 << 30 // kubectl, 60 MB without section for its moduledata, takes 40 MB
	costOfLookup  = 512 << 20
	costOfRead    = 64 // of each read itself
)

type metered struct {
	r io.ReaderAt
	m *meter
}

func (r metered) ReadAt(p []byte, off int64) (int, error) {
	cost := int64(len(p)) + costOfRead
	if cost > r.m.left {
		return 0, errTooLong
	}
	r.m.left -= cost
	return r.r.ReadAt(p, off)
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
