package symptom

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"sockeye/internal/host"
)

const (
	// chunk is how much is read at a time.
	chunk = 512 << 10
	// overlap is how much of a chunk without a line end is looked at again with the
	// next: no pattern's mark is longer.
	overlap = 4 << 10
	// block is how much is gone through at once where nothing is expected.
	block = 32 << 10
)

// ScanReader looks through a text of any size, in constant memory. Text with the mark
// of UTF-16 is decoded; of other encodings what is ASCII is found, and the system
// messages that have been written down in them. When ctx is over, or reading fails, what
// has been found until then comes with the error.
func ScanReader(ctx context.Context, from io.Reader, o Options) ([]host.Symptom, error) {
	r := &reading{scanner: NewScanner(o), number: 1}
	from = unmarked(from)
	var (
		buf  = make([]byte, chunk)
		kept int
		read int64
	)
	for {
		n, err := io.ReadFull(from, buf[kept:])
		read += int64(n)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		text := buf[:kept+n]
		done := r.chunk(text, last)
		kept = copy(buf, text[done:])
		if o.Progress != nil {
			o.Progress(read)
		}
		if last {
			return r.scanner.Result(), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return r.scanner.Result(), err
		}
	}
}

// unmarked decodes UTF-16 that says so.
func unmarked(from io.Reader) io.Reader {
	raw := bufio.NewReaderSize(from, 4<<10)
	head, _ := raw.Peek(2) // an error comes again with the first read
	if bytes.Equal(head, []byte{0xff, 0xfe}) || bytes.Equal(head, []byte{0xfe, 0xff}) {
		return transform.NewReader(raw, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder())
	}
	return raw
}

// reading goes through chunks: fast over what holds nothing, line by line where
// something is found.
type reading struct {
	scanner *Scanner
	number  uint64 // of the line that begins, or goes on, at the chunk's beginning
	inside  bool   // the chunk begins inside of a line
}

// chunk looks at text and returns how much of it is done with; the rest comes again
// with what follows.
func (r *reading) chunk(text []byte, last bool) (done int) {
	whole := len(text)
	if !last {
		whole = bytes.LastIndexByte(text, '\n') + 1
		if whole == 0 {
			if len(text) < chunk {
				return 0
			}
			return r.piece(text)
		}
	}
	for text = text[:whole]; done < whole; {
		end := blockEnd(text, done)
		if lines := text[done:end]; !r.inside && !r.scanner.busy() && r.scanner.table.find.quiet(lines) {
			r.number += uint64(bytes.Count(lines, []byte("\n")))
			done = end
			continue
		}
		for done < end {
			done += r.next(text, done, end)
		}
	}
	return whole
}

// blockEnd ends a block of whole lines.
func blockEnd(text []byte, from int) int {
	if len(text)-from <= block {
		return len(text)
	}
	if end := bytes.LastIndexByte(text[from:from+block], '\n'); end >= 0 {
		return from + end + 1
	}
	if end := bytes.IndexByte(text[from+block:], '\n'); end >= 0 {
		return from + block + end + 1
	}
	return len(text)
}

// next looks at the next line of a block that has a mark, or that may belong to what
// was found; it returns how much of the block that was.
func (r *reading) next(text []byte, from, end int) int {
	if r.inside || r.scanner.busy() {
		return r.line(text, from)
	}
	at, _ := r.scanner.table.find.next(text[from:end], 0)
	if at < 0 {
		r.number += uint64(bytes.Count(text[from:end], []byte("\n")))
		return end - from
	}
	// A mark has no line end in it, so its line began before its last byte.
	begin := bytes.LastIndexByte(text[from:from+at-1], '\n') + 1
	r.number += uint64(bytes.Count(text[from:from+begin], []byte("\n")))
	return begin + r.line(text, from+begin)
}

// line gives the line that begins at from to the scanner; it returns its length.
func (r *reading) line(text []byte, from int) int {
	line := text[from:]
	length := len(line)
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line, length = line[:end], end+1
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	r.scanner.behind = text[:from]
	if r.inside {
		r.scanner.number = r.number
		r.scanner.look(line)
	} else {
		r.scanner.Line(r.number, line)
	}
	r.inside = false
	r.number++
	return length
}

// piece looks at a part of a line that does not fit into a chunk.
func (r *reading) piece(text []byte) (done int) {
	r.scanner.behind = text[:0]
	r.scanner.number = r.number
	if !r.inside {
		r.scanner.flush() // what comes is too long to belong to anything
		r.scanner.trace.open = false
	}
	r.inside = true
	return max(len(text)-overlap, r.scanner.look(text))
}
