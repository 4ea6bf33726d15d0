package paste

import (
	"bufio"
	"errors"

	"sockeye/internal/paste/form"
)

// objects cuts one long line of JSON into its objects, each of which is given as a
// line: ConvertTo-Json -Compress writes all of a table's rows into one. What stands
// around the rows may be an array, or an object that holds one.
type objects struct {
	open    bool   // a line is being cut
	ahead   []byte // what was read of it and not yet looked at
	whole   bool   // ahead is the line's end
	held    []byte // the object so far
	depth   int    // brackets that are open
	row     int    // the depth at which objects are rows; 0: not known yet
	array   bool   // an array has begun, and nothing in it
	text    bool   // within a string
	escaped bool   // behind a backslash in one
}

// begin takes a line's beginning, and how its reading ended: at the line's end, or
// for want of room.
func (o *objects) begin(line []byte, err error) {
	*o = objects{open: true, ahead: append(o.ahead[:0], line...), held: o.held[:0]}
	o.ended(err)
}

// ended notes how reading ended.
func (o *objects) ended(err error) {
	o.whole = !errors.Is(err, bufio.ErrBufferFull)
}

// next returns the next object; nil at the line's end. An object that is longer than
// a line may be loses its end, as a line does; so does one that the line's end cuts.
func (o *objects) next(l *lines) []byte {
	o.held = o.held[:0]
	for {
		for i, c := range o.ahead {
			if !o.take(c) {
				continue
			}
			o.ahead = o.ahead[i+1:]
			return l.cleaned(o.held)
		}
		if o.whole {
			o.open = false
			if len(o.held) > 0 {
				return l.cleaned(o.held)
			}
			return nil
		}
		more, err := l.from.ReadSlice('\n')
		l.read += int64(len(more))
		l.tell()
		o.ahead = more
		o.ended(err) // an error comes again with the next line
	}
}

// take looks at one byte and says whether it ends a row.
func (o *objects) take(c byte) bool {
	held := o.row > 0 && o.depth >= o.row
	done := false
	switch {
	case o.escaped:
		o.escaped = false
	case o.text && c == '\\':
		o.escaped = true
	case c == '"':
		o.text = !o.text
	case o.text:
	case c == '{', c == '[':
		o.depth++
		if c == '{' && o.row == 0 && o.array {
			o.row = o.depth
		}
		held = o.row > 0 && o.depth >= o.row
	case c == '}', c == ']':
		o.depth--
		done = held && o.depth < o.row
		if o.depth <= 0 { // objects side by side, without an array around them
			o.depth, o.row = 0, 1
		}
	}
	if c != ' ' {
		o.array = c == '[' && !o.text
	}
	if held && len(o.held) < form.LineMax {
		o.held = append(o.held, c)
	}
	return done
}
