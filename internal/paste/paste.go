package paste

import (
	"bytes"
	"context"
	"io"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
)

// Options say how text is read.
type Options struct {
	// Now is taken for the time of the look unless the text tells another.
	Now time.Time
	// Size of the text in bytes if it is known: room is made once, not again and again.
	Size int64
	// Other is given each line that is no part of a table, decoded; it must not be
	// kept. Nil: nobody wants them.
	Other func(number uint64, line []byte)
	// Boring is asked of lines that begin with the time, as a log's do, many at once
	// and not decoded, whether Other may miss them: a log has gigabytes in which
	// nothing happens. Nil: Other is given each.
	Boring func(block []byte) bool
	// Progress is told now and then how many bytes have been read. Nil: nobody asks.
	Progress func(read int64)
}

// Pasted is what a text held.
type Pasted struct {
	Snapshot *host.Snapshot // never nil; without sockets, settings… when nothing was recognised
	Parts    []Part         // in the text's order
	Files    []File         // the texts, in the order in which they were read
	Lines    uint64         // all of them
}

// File is one text of several.
type File struct {
	Name   string // as Session.Read was given it, or within its folder or archive
	Before uint64 // lines of the texts before it
	Lines  uint64
}

// Part is a run of lines that one program wrote.
type Part struct {
	Kind        string // "netstat (Windows)": what it was taken for; behind the text's name if that has one
	File        string // the text's name
	First, Last uint64 // line numbers from 1
	Rows        uint64 // lines that were understood
	Bad         uint64 // lines that look like rows and could not be read
	FirstBad    uint64 // the first of these; 0: none
	Cut         bool   // it says itself that something was left out: "…", "[truncated]"; or there was no room, or it is damaged

	broken bool // it is Cut, and a blind spot of its own says why
}

// Read reads text to its end. The error is the reader's, or ctx's; text that
// means nothing is no error (see Pasted.Parts).
func Read(ctx context.Context, from io.Reader, o Options) (*Pasted, error) {
	s := NewSession(o)
	if err := s.Read(ctx, from, "", o.Size, o.Progress); err != nil {
		return nil, err
	}
	return s.Done(), nil
}

// pass goes through a text once, line by line: each line is offered to the part
// that is open, and when that does not want it to every kind of text.
type pass struct {
	options  Options
	builder  *form.Builder
	open     form.Reader // nil between parts
	part     Part
	parts    []Part
	files    []File
	name     string // of the text, put before the kinds of its parts
	from     int    // sockets before the open part
	listings []listing

	commented bool // the open part stands in comments
}

// listing is a run of sockets that one part told: b.sockets[from:to].
type listing struct {
	kind     string
	from, to int
}

func (p *pass) line(n uint64, line []byte) {
	if p.open != nil {
		if p.give(n, line) {
			return
		}
		p.finish()
	}
	if form.Stamped(line) {
		p.heardOther(n, line)
		return
	}
	k := begunBy(line)
	p.commented = k == nil && form.HasComment(line)
	if p.commented {
		if k = begunBy(form.Uncommented(line)); k != nil && !k.Commented {
			k = nil // a setting behind "#" is one that is not in effect
		}
	}
	if k != nil && !unprintable(line) {
		p.builder.Hosts.Prompt(line)
		p.begin(k.Open(), k.Name, n)
		if p.give(n, line) {
			return
		}
		p.open = nil // it was nothing after all
	}
	p.other(n, line)
}

// give offers a line to the open part; false when it is not its own.
func (p *pass) give(n uint64, line []byte) bool {
	offered := line
	if p.commented && form.HasComment(line) {
		offered = form.Uncommented(line)
	}
	beyond := p.builder.Beyond
	said := p.open.Read(offered, p.builder)
	if p.builder.Impossible && said == form.Row {
		said = form.Bad
	}
	p.builder.Impossible = false
	if p.builder.Beyond > beyond {
		p.part.Cut, p.part.broken = true, true
	}
	switch said {
	case form.Row:
		p.part.Rows++
	case form.Bad:
		if p.part.Bad++; p.part.FirstBad == 0 {
			p.part.FirstBad = n
		}
	case form.Foreign:
		if !form.IsCut(line) {
			return false
		}
		p.part.Cut = true
	}
	p.part.Last = n
	return true
}

func (p *pass) begin(r form.Reader, kind string, line uint64) {
	p.open, p.part, p.from = r, Part{Kind: kind, File: p.name, First: line}, len(p.builder.Sockets)
	if p.name != "" {
		p.part.Kind = p.name + ": " + kind
	}
}

func (p *pass) finish() {
	open := p.open
	p.open = nil
	if d, ok := open.(form.Doubter); ok {
		if lines := d.Refused(); lines != nil {
			for i, line := range lines {
				p.other(p.part.First+uint64(i), line)
			}
			return
		}
	}
	open.Close(p.builder)
	p.builder.Hosts.Part(p.part.Rows)
	p.parts = append(p.parts, p.part)
	if to := len(p.builder.Sockets); to > p.from {
		p.listings = append(p.listings, listing{p.part.Kind, p.from, to})
	}
	p.builder.Heard(nil)
}

// other is a line outside of all tables: a prompt, an empty line, a log's.
func (p *pass) other(n uint64, line []byte) {
	if command, ok := form.Prompted(line); ok {
		p.builder.Command(command)
		p.builder.Hosts.Prompt(line)
	}
	if form.IsCut(line) && len(p.parts) > 0 {
		p.parts[len(p.parts)-1].Cut = true
	}
	if len(bytes.TrimSpace(line)) > 0 {
		p.heardOther(n, line)
	}
}

// heardOther passes a line on that is part of nothing.
func (p *pass) heardOther(n uint64, line []byte) {
	p.builder.Heard(line)
	if p.options.Other != nil {
		p.options.Other(n, line)
	}
}

func (p *pass) done(lines uint64) *Pasted {
	if p.open != nil {
		p.finish()
	}
	var unused []string
	p.builder.Sockets, unused = merge(p.builder.Sockets, p.listings)
	for _, name := range unused {
		p.builder.Cannot("paste-table-unused", name)
	}
	flaws(p.parts, p.builder)
	return &Pasted{Snapshot: p.builder.Snapshot(), Parts: p.parts, Files: p.files, Lines: lines}
}

// flaws says what the parts of a text lack.
func flaws(parts []Part, b *form.Builder) {
	for _, p := range parts {
		if p.Cut && !p.broken {
			b.Cannot("paste-cut", p.Kind)
		}
		if p.Bad > 0 {
			b.Cannot("paste-lines-bad", p.Kind)
		}
	}
}
