package paste

import (
	"bufio"
	"context"
	"errors"
	"io"

	"sockeye/internal/paste/form"
	"sockeye/internal/paste/ss"
	"sockeye/internal/tcp"
)

// Session reads several texts of one machine: a log and a table, the files of a
// report. It is not for several goroutines at once.
type Session struct {
	pass  *pass
	lines uint64
}

// NewSession begins one. Options.Size and Progress are of no use here.
func NewSession(o Options) *Session {
	return &Session{pass: &pass{options: o, builder: form.NewBuilder(o.Now)}}
}

// ErrNoText is what begins as no text does, whatever it is.
var ErrNoText = errors.New("it is no text: it begins with bytes that stand in none")

// Read reads one text to its end: name is put before the kinds of its parts
// unless it is empty, size and progress are those of Options. The error is the
// reader's, ErrNoText, or ctx's, which is asked with each block that is read; text
// that means nothing is no error (see Pasted.Parts).
func (s *Session) Read(ctx context.Context, from io.Reader, name string, size int64, progress func(int64)) error {
	text := bufio.NewReaderSize(&interruptible{ctx, from}, dumpHead)
	if head, _ := text.Peek(dumpHead); ss.DumpOrder(head) != nil { // its error comes again
		return s.pass.dump(text, name)
	}
	s.pass.name = name
	lines := newLines(text, progress)
	if lines.binary {
		return ErrNoText
	}
	defer func() { // also of what could be read to some line only
		if s.pass.open != nil {
			s.pass.finish()
		}
		s.pass.files = append(s.pass.files, File{Name: name, Before: s.lines, Lines: lines.number})
		s.lines += lines.number
	}()
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n := lines.number
		s.pass.line(n, line)
		if s.pass.options.Boring != nil && s.pass.open == nil && form.Stamped(line) {
			lines.skip(s.pass.options.Boring)
		}
		if n == enoughToGuess && size > 0 {
			s.pass.builder.Expect(float64(size) / float64(lines.read))
		}
	}
}

// interruptible ends with ctx's error as soon as it is asked after ctx is over. A
// line of gigabytes is read in blocks, and so is whatever is skipped.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

func (r *interruptible) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(into)
	if err != nil && r.ctx.Err() != nil {
		return n, r.ctx.Err() // what is waited for is called back by an error
	}
	return n, err
}

// enoughToGuess is after how many lines a text's length tells how many will come.
const enoughToGuess = 4096

// dumpHead is how much of a text is looked at to see that it is ss -D's.
const dumpHead = 32

// dump reads the binary file of ss -D.
func (p *pass) dump(from io.Reader, name string) error {
	before := len(p.builder.Sockets)
	err := ss.ReadDump(from, p.builder)
	part := Part{Kind: "ss -D", File: name, Rows: uint64(len(p.builder.Sockets) - before)}
	if name != "" {
		part.Kind = name + ": " + part.Kind
	}
	if err != nil {
		part.Bad, part.Cut = 1, true
	}
	p.parts = append(p.parts, part)
	p.listings = append(p.listings, listing{part.Kind, before, len(p.builder.Sockets)})
	if part.Rows == 0 {
		return err
	}
	return nil // what came before the damage is worth having, and the part says that it is cut
}

// Before is how many lines the texts before the one that is being read have: with
// it the number of a line is one of all lines (see File.Before).
func (s *Session) Before() uint64 { return s.lines }

// Builder is what gathers what the texts tell: it holds more than a Snapshot shows.
func (s *Session) Builder() *form.Builder { return s.pass.builder }

// Done tells what all the texts held.
func (s *Session) Done() *Pasted { return s.pass.done(s.lines) }

// States counts the sockets by state; where the texts only count, it is what they say.
func (p *Pasted) States() map[tcp.State]uint64 {
	counts := map[tcp.State]uint64{}
	for s, n := range p.Snapshot.Counted {
		counts[s] = n
	}
	if len(p.Snapshot.Sockets) > 0 {
		clear(counts)
	}
	for i := range p.Snapshot.Sockets {
		counts[p.Snapshot.Sockets[i].State]++
	}
	return counts
}
