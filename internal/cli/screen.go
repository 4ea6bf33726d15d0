package cli

import (
	"bytes"
	"strconv"

	"github.com/charmbracelet/x/ansi"
)

// screen redraws a few lines at the bottom of a terminal in place. It clears
// nothing that it did not draw, and what was drawn last stays.
type screen struct {
	app           App
	width, height int
	lines         int // drawn last
}

func newScreen(app App) *screen { return &screen{app: app} }

// size asks the terminal how large it is now.
func (s *screen) size() (width, height int) {
	width, height = s.app.Width, 24
	if s.app.Size != nil {
		if w, h, ok := s.app.Size(); ok {
			width, height = w, h
		}
	}
	if s.width != 0 && (width != s.width || height != s.height) {
		s.lines = -1 // the terminal has wrapped what was drawn: begin anew
	}
	s.width, s.height = width, height
	return width, height
}

// redraw replaces what was drawn last. It is one write, line after line, so that
// nothing flickers; a line never wraps.
func (s *screen) redraw(text []byte) error {
	var out bytes.Buffer
	switch {
	case s.lines < 0:
		out.WriteString("\x1b[H\x1b[2J")
	case s.lines > 0:
		out.WriteString("\x1b[" + strconv.Itoa(s.lines) + "A\r")
	}
	s.lines = 0
	for line := range bytes.Lines(text) {
		out.WriteString(ansi.Truncate(string(bytes.TrimSuffix(line, []byte{'\n'})), s.width, "…"))
		out.WriteString("\x1b[K\n")
		s.lines++
	}
	out.WriteString("\x1b[J") // rows that are gone
	_, err := s.app.Stdout.Write(out.Bytes())
	return err
}
