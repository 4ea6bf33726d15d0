package form

// Kind is a kind of text: what one program writes.
type Kind struct {
	Name string
	// Begins tells whether a line, decoded and without quotes, begins such a text:
	// its heading, or a row that nothing else writes. It is asked of every line that
	// is part of nothing, so it must say no within nanoseconds.
	Begins func(line []byte) bool
	Open   func() Reader
	// Commented: it is read, too, where every line is a comment ("# LISTEN 0 128 …"), as
	// articles show it. A setting behind "#" is one that is not in effect.
	Commented bool
}

// Reader reads one part, from the line that began it to its end. A line is valid
// until the next call only.
type Reader interface {
	Read(line []byte, into *Builder) Verdict
	Close(into *Builder) // what was held back is given now
}

// Doubter is a reader that can find at its end that the text was none of its own,
// a sentence about a table for instance. It then gives back every line it was
// given, the first one first; nil when the text was its own.
type Doubter interface {
	Refused() [][]byte
}

// Verdict is what a reader thinks of a line.
type Verdict uint8

const (
	Foreign Verdict = iota // somebody else's: the part is over
	Row                    // understood
	Bad                    // looks like a row of its own, but cannot be read
	Skipped                // its own, and tells nothing: headings, blank lines
)

// KindOf is the first of the kinds that a line begins; nil: it begins none.
func KindOf(kinds []Kind, line []byte) *Kind {
	for i := range kinds {
		if kinds[i].Begins(line) {
			return &kinds[i]
		}
	}
	return nil
}

// LineMax is how much of a line is looked at: tables have no longer ones.
const LineMax = 64 << 10

// RecordPatience is how many lines of a record may tell nothing that is known:
// CIM objects have dozens of them.
const RecordPatience = 200

// HeldMost bounds the lines that are held back.
const HeldMost = RecordPatience + 8
