package symptom

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// piece is how much of a line is looked at around what is found in it, and how
	// much of that comes before.
	piece       = 8 << 10
	pieceBefore = 2 << 10
	// followMost is how many lines may belong to one error.
	followMost = 200
	// exampleMost is how much of the first line is kept, in bytes.
	exampleMost = 400
	// backMost is how far back a time is looked for, of an error whose line has none.
	backMost = 16 << 10
)

// Options say how lines are read.
type Options struct {
	// Now is when the text was read: for times without a year or a zone.
	Now time.Time
	// Progress is told now and then how many bytes ScanReader has read. Nil: nobody asks.
	Progress func(read int64)
}

// Scanner finds error messages in lines and counts them. Its memory is bounded
// whatever it is given. It is for one goroutine.
type Scanner struct {
	table *table
	clock clock

	number   uint64            // of the line
	sourceAt map[string]uint64 // lines at which sources of Windows' events stood last
	eventAt  map[*message]told // where events were told last
	head     []byte            // the beginning of the last line that may have a time
	behind   []byte            // text before the line, of ScanReader; else nil

	pending occurrence
	trace   trace
	groups  map[key]*group

	low      []byte // memory that is used again
	found    []evidence
	verdicts []verdict
}

// told: an event is told by its number, by its text and once more as XML, on lines
// near each other.
type told struct {
	line uint64
	ways uint8
}

// The ways to tell an event.
const (
	byText uint8 = 1 << iota
	byNumber
	byXML
)

// NewScanner returns a Scanner that has seen nothing.
func NewScanner(o Options) *Scanner {
	return &Scanner{table: ready(), clock: clock{now: o.Now}, sourceAt: map[string]uint64{}, eventAt: map[*message]told{}, groups: map[key]*group{}}
}

// Line looks at a line, UTF-8 and of any length; it is not kept.
func (s *Scanner) Line(number uint64, line []byte) {
	s.number = number
	if s.busy() && s.follow(line) {
		return
	}
	s.look(line)
	if s.behind == nil && (timed(line) || len(s.sourceAt) > 0 && s.dated(line)) {
		s.head = append(s.head[:0], line[:min(len(line), 64)]...)
	}
}

// Boring reports whether nothing in a block of whole lines could be an error
// message, or belong to the one before: Line need not be given them.
func (s *Scanner) Boring(block []byte) bool { return !s.busy() && s.table.find.quiet(block) }

// busy: the line to come may belong to what was found before.
func (s *Scanner) busy() bool { return s.pending.active || s.trace.open }

// look looks for errors in a line that continues nothing. It returns how much of the
// line is done with: what was found lies before.
func (s *Scanner) look(line []byte) (done int) {
	for done < len(line) {
		at, _ := s.table.find.next(line[done:], 0)
		if at < 0 {
			return done
		}
		start := max(done, done+at-pieceBefore)
		end := min(len(line), start+piece)
		s.part(line, start, end)
		done = end
	}
	return done
}

// part looks closely at a part of a line.
func (s *Scanner) part(line []byte, start, end int) {
	text := line[start:end]
	s.low = lowered(s.low[:0], text)
	for _, v := range s.judge(s.low) {
		s.happened(line, text, v)
	}
}

// happened begins an occurrence.
func (s *Scanner) happened(line, text []byte, v verdict) {
	if s.again(&v) {
		return
	}
	s.flush()
	o := &s.pending
	*o = occurrence{verdict: v, active: true, count: repeated(s.low), number: s.number, name: o.name, example: o.example[:0]}
	o.indented = len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
	o.when = s.time(line)
	o.pid = pidOf(line)
	s.placed(text, v)
	from := max(0, min(v.start-exampleMost/2, len(text)-exampleMost))
	if v.end <= exampleMost {
		from = 0
	}
	o.example = append(o.example, text[from:min(len(text), from+exampleMost)]...)
	if s.trace.runtime != "" && !s.trace.open {
		s.own()
	}
}

// placed keeps where it happened, if the line says so.
func (s *Scanner) placed(text []byte, v verdict) {
	if p, ok := placeOf(text, s.low, v.start, v.end, v.call); ok {
		o := &s.pending
		o.name = append(o.name[:0], p.name[:min(len(p.name), 160)]...)
		o.place = place{name: o.name, addr: p.addr}
	}
}

// again: the same event of Windows, told in another way.
func (s *Scanner) again(v *verdict) bool {
	if v.message == nil || v.message.Event.ID == 0 {
		return false
	}
	last := s.eventAt[v.message]
	if last.ways&v.ways == 0 && s.number > last.line && s.number-last.line <= eventLines && last.ways != 0 {
		s.eventAt[v.message] = told{line: s.number, ways: last.ways | v.ways}
		return true
	}
	s.eventAt[v.message] = told{line: s.number, ways: v.ways}
	return false
}

// follow takes a line that belongs to the error, or to the stack trace, before it.
func (s *Scanner) follow(line []byte) bool {
	text := body(line)
	if s.trace.open {
		return s.inTrace(line, text)
	}
	o := &s.pending
	if o.lines++; o.lines > followMost || !follows(text, o.indented) && !o.repeats(text) {
		s.flush()
		return false
	}
	if len(text) == 0 && o.blank == o.lines-1 {
		o.blank++
	}
	o.chained = bytes.HasPrefix(bytes.TrimLeft(text, " \t"), []byte("---> "))
	var t trace
	t.frames = o.frames
	if t.add(text) {
		o.frames = t.frames
		if o.runtime == "" {
			o.runtime = t.runtime
		}
		// Java throws BindException for a connect(), too: the innermost frame tells.
		if o.call == "" || o.lines == 1 && o.call == "bind" && o.message == nil && t.call == "connect" {
			o.call = t.call
		}
		return true
	}
	s.cause(line)
	return true
}

// inTrace reads Python's stack trace, whose error comes behind it.
func (s *Scanner) inTrace(line, text []byte) bool {
	if s.trace.lines++; s.trace.lines > followMost {
		s.trace.open = false
		return false
	}
	if s.trace.inside(line, text) {
		s.trace.add(text)
		return true
	}
	s.trace.open = false
	s.cause(line)
	s.trace.runtime = ""
	return true
}

// cause looks at a line that may tell the reason of the error before it: the same
// error once more is not counted again.
func (s *Scanner) cause(line []byte) {
	if at, _ := s.table.find.next(line, 0); at < 0 {
		return
	}
	text := line[:min(len(line), piece)]
	s.low = lowered(s.low[:0], text)
	for _, v := range s.judge(s.low) {
		o := &s.pending
		if o.active && o.lines > 0 && v.code != nil && o.message != nil && o.message.Effect {
			o.active = false // not counted: it followed from this one
		}
		if !o.active || o.code != v.code || o.code == nil {
			s.happened(line, text, v)
			continue
		}
		if o.call == "" {
			o.call = v.call
		}
		if o.os == "" {
			o.os = v.os
		}
		if o.runtime == "" {
			o.runtime = v.runtime
		}
		if o.message == nil {
			o.message = v.message
		}
		if len(o.place.name) == 0 {
			s.placed(text, v)
		}
		if s.trace.runtime != "" && !s.trace.open {
			s.own()
		}
	}
}

// own gives the stack trace that has just been read to the error.
func (s *Scanner) own() {
	o := &s.pending
	if len(o.frames) == 0 {
		o.frames = s.trace.taken()
	}
	if o.runtime == "" {
		o.runtime = s.trace.runtime
	}
	if o.call == "" {
		o.call = s.trace.call
	}
	s.trace.runtime = ""
}

// time of a line, else of the last one before it that has one: stack traces and
// plain messages come behind the line that the logger wrote.
func (s *Scanner) time(line []byte) time.Time {
	if t, ok := s.clock.read(line); ok {
		return t
	}
	if booted(line) {
		return time.Time{}
	}
	if s.behind == nil {
		t, _ := s.clock.read(s.head)
		return t
	}
	for text, lines := s.behind[max(0, len(s.behind)-backMost):], 0; len(text) > 0 && lines < 60; lines++ {
		text = bytes.TrimSuffix(text, []byte("\n"))
		begin := bytes.LastIndexByte(text, '\n') + 1
		if before := text[begin:]; timed(before) || s.dated(before) {
			if t, ok := s.clock.read(before[:min(len(before), 64)]); ok {
				return t
			}
		}
		text = text[:begin]
	}
	return time.Time{}
}

// dated: "Date:  22.11.2026 09:05:00", as events of Windows are exported, the label in
// any language.
func (s *Scanner) dated(line []byte) bool {
	label, rest, ok := bytes.Cut(line[:min(len(line), 64)], []byte(": "))
	if !ok || len(label) > 24 || len(rest) < 15 {
		return false
	}
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) == 0 || !digit(rest[0]) {
		return false
	}
	_, ok = s.clock.read(rest)
	return ok
}

// timed tells whether a line begins as one with a time does.
func timed(line []byte) bool {
	if len(line) < 15 {
		return false
	}
	c := line[0]
	if digit(c) || c == '[' || c == '{' {
		return true
	}
	month, _ := monthIn(line)
	return month > 0
}

// booted: "[12345.678901] TCP: …", the seconds since the system began.
func booted(line []byte) bool {
	line = bytes.TrimLeft(line[:min(len(line), 32)], "<0123456789>")
	if len(line) == 0 || line[0] != '[' {
		return false
	}
	line = bytes.TrimLeft(line[1:], " ")
	_, length := leadingNumber(line)
	return length > 0 && length < len(line) && line[length] == '.'
}

// repeated reads how often a line stands for itself: syslog's "message repeated 3
// times: [", FreeBSD's "(4 occurrences)", the "(x3 over 5m)" of kubectl describe.
func repeated(low []byte) uint64 {
	if at := bytes.Index(low, []byte("message repeated ")); at >= 0 {
		if n, length := leadingNumber(low[at+len("message repeated "):]); length > 0 && n > 0 {
			return uint64(n)
		}
	}
	if at := bytes.Index(low, []byte(" occurrences)")); at >= 0 {
		if n, start := trailingNumber(low[:at]); start >= 0 && n > 0 {
			return uint64(n)
		}
	}
	if at := bytes.Index(low, []byte(" over ")); at >= 0 {
		if n, start := trailingNumber(low[:at]); start >= 2 && n > 0 && string(low[start-2:start]) == "(x" {
			return uint64(n)
		}
	}
	return 1
}

// printable makes UTF-8 of an example.
func (s *Scanner) printable(o *occurrence) string {
	text := o.example
	if o.mark.encoding != nil && !utf8.Valid(text) {
		if decoded, err := o.mark.encoding.NewDecoder().Bytes(text); err == nil {
			text = decoded
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(text), "\uFFFD"))
}
