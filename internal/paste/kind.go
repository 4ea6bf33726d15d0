package paste

import "bytes"

// kind is a kind of text: what one program writes.
type kind struct {
	name string
	// begins tells whether a line, decoded and without quotes, begins such a text:
	// its heading, or a row that nothing else writes. It is asked of every line that
	// is part of nothing, so it must say no within nanoseconds.
	begins func(line []byte) bool
	open   func() reader
	// commented: it is read, too, where every line is a comment ("# LISTEN 0 128 …"), as
	// articles show it. A setting behind "#" is one that is not in effect.
	commented bool
}

// reader reads one part, from the line that began it to its end. A line is valid
// until the next call only.
type reader interface {
	read(line []byte, into *builder) verdict
	close(into *builder) // what was held back is given now
}

// doubter is a reader that can find at its end that the text was none of its own,
// a sentence about a table for instance. It then gives back every line it was
// given, the first one first; nil when the text was its own.
type doubter interface {
	refused() [][]byte
}

// verdict is what a reader thinks of a line.
type verdict uint8

const (
	foreign verdict = iota // somebody else's: the part is over
	row                    // understood
	bad                    // looks like a row of its own, but cannot be read
	skipped                // its own, and tells nothing: headings, blank lines
)

// kinds are asked in this order: what says most by its first line comes first.
func kinds() []kind {
	var all []kind
	for _, family := range [][]kind{
		powershellKinds, bsdKinds, viewerKinds, lsofKinds, netstatKinds, ssKinds, procKinds, conntrackKinds, statisticsKinds, settingKinds, countedKinds,
	} {
		all = append(all, family...)
	}
	return all
}

var allKinds = kinds() // read-only

// shortest is the length of the shortest line that can begin a text of most kinds.
const shortest = 5

// tooShort says at once no to lines of few bytes, of which texts may have millions:
// only lsof -F begins with less ("p1"), and headings of netstat ("Ip:", "TCP").
func tooShort(line []byte) bool {
	return len(line) < shortest && !lsofFieldsBegin(line) && !bytes.HasSuffix(line, []byte(":")) && string(line) != "TCP"
}

func kindOf(line []byte) *kind {
	if tooShort(line) {
		return nil
	}
	for i := range allKinds {
		if allKinds[i].begins(line) {
			return &allKinds[i]
		}
	}
	return nil
}
