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

// boundedReader lets at most left bytes be read: headers of hostile files may
// name sizes of any amount.
type boundedReader struct {
	r    io.ReaderAt
	left int
}

func (b *boundedReader) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > b.left {
		return 0, errTooLong
	}
	b.left -= len(p)
	return b.r.ReadAt(p, off)
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
