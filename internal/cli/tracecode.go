package cli

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// appendCodeFitting is appendCode in no more than room columns of a terminal,
// escaped. What is kept is the file and the line: of the function as much as there
// is room for, "lab.(*ch…(traffic.go:167)", else "traffic.go:167" alone, else its
// end, "…fic.go:167".
func appendCodeFitting(dst []byte, code value, room int) []byte {
	start := len(dst)
	dst = printableFrom(appendCode(dst, code), start)
	if cellWidth(dst[start:]) <= room {
		return dst
	}
	if code.kind != place || code.file == "" {
		text := string(dst[start:])
		return append(dst[:start], ansi.Truncate(text, room, "…")...)
	}
	file := code.file[strings.LastIndexByte(code.file, '/')+1:]
	var small [64]byte
	where := appendPlace(small[:0], "", file, code.n) // " (traffic.go:167)"
	where = printableFrom(where, 0)[1:]
	const least = 3 // characters of a function's name
	if head := room - 1 - cellWidth(where); head >= least {
		dst = cutAt(dst, start, head)
		return append(append(dst, "…"...), where...)
	}
	return appendEnd(dst[:start], string(where[1:len(where)-1]), room)
}

// cutAt leaves so many columns of what was appended to dst since start.
func cutAt(dst []byte, start, columns int) []byte {
	text := dst[start:]
	for i := range min(columns, len(text)) {
		if text[i] >= 0x80 {
			return append(dst[:start], ansi.Truncate(string(text), columns, "")...)
		}
	}
	return dst[:start+min(columns, len(text))]
}

// appendEnd appends the end of a text, as much as there is room for.
func appendEnd(dst []byte, text string, room int) []byte {
	width := ansi.StringWidth(text)
	if width <= room {
		return append(dst, text...)
	}
	end := ansi.TruncateLeft(text, width-room+1, "…")
	if ansi.StringWidth(end) > room { // half of a wide character
		end = ansi.TruncateLeft(text, width-room+2, "…")
	}
	return append(dst, end...)
}
