package cli

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"sockeye/internal/tcp"
)

// grid is a table that is printed row by row, without being kept: cell appends
// the cell of a row and column to dst, escaped already, nothing when it is
// unknown.
type grid struct {
	headers []string
	right   []bool
	flex    []bool
	rows    int
	cell    func(dst []byte, row, column int) []byte
	// colour, where set, returns the escape sequences around a cell.
	colour func(row, column int) (before, after string)
	// widths, where set, are what the columns had when the table was printed
	// before: they never shrink. They are brought up to date.
	widths []int
}

// absent stands for an unknown value, so that columns can be told apart by awk.
const absent = '-'

// writeTabs prints tab-separated lines for programs.
func (g *grid) writeTabs(w io.Writer, header bool) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if header {
		out.WriteString(strings.Join(g.headers, "\t"))
		out.WriteByte('\n')
	}
	var line []byte
	for row := range g.rows {
		line = line[:0]
		for c := range g.headers {
			if c > 0 {
				line = append(line, '\t')
			}
			start := len(line)
			if line = g.cell(line, row, c); len(line) == start {
				line = append(line, absent)
			}
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

const gap = 2 // blanks between columns

// writeAligned prints an aligned table that fits the width as far as shortening
// the flexible columns can do it. It makes every cell twice: once to measure.
func (g *grid) writeAligned(w io.Writer, width int, header bool) error {
	widths := g.measure()
	for c := range g.widths {
		g.widths[c] = max(g.widths[c], widths[c])
		widths[c] = g.widths[c]
	}
	widths = g.fit(widths, width)
	out := bufio.NewWriterSize(w, 1<<16)
	var line, cell []byte
	write := func(row int) error {
		line = line[:0]
		for c, columnWidth := range widths {
			cell = cell[:0]
			before, after := "", ""
			if row < 0 {
				cell = append(cell, g.headers[c]...)
			} else {
				if cell = g.cell(cell, row, c); len(cell) == 0 {
					cell = append(cell, absent)
				}
				if g.colour != nil {
					before, after = g.colour(row, c)
				}
			}
			used := cellWidth(cell)
			if used > columnWidth && g.flex[c] {
				cell = shorten(cell, columnWidth)
				used = cellWidth(cell)
			}
			if c > 0 {
				line = append(line, "  "...)
			}
			fill := max(0, columnWidth-used)
			if g.right[c] {
				line = appendBlanks(line, fill)
			}
			line = append(line, before...)
			line = append(line, cell...)
			line = append(line, after...)
			if !g.right[c] && c < len(widths)-1 {
				line = appendBlanks(line, fill)
			}
		}
		_, err := out.Write(append(line, '\n'))
		return err
	}
	first := 0
	if header {
		first = -1
	}
	for row := first; row < g.rows; row++ {
		if err := write(row); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (g *grid) measure() []int {
	widths := make([]int, len(g.headers))
	for c, h := range g.headers {
		widths[c] = len(h)
	}
	var cell []byte
	for row := range g.rows {
		for c := range widths {
			cell = g.cell(cell[:0], row, c)
			widths[c] = max(widths[c], cellWidth(cell))
		}
	}
	return widths
}

// fit takes from the widest flexible column until all fit, but leaves each
// enough to be recognized.
func (g *grid) fit(widths []int, width int) []int {
	const least = 12
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := -1
		for c, w := range widths {
			if g.flex[c] && w > max(least, len(g.headers[c])) && (widest < 0 || w > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

func appendBlanks(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}

func cellWidth(cell []byte) int {
	for _, c := range cell {
		if c >= 0x80 {
			return lipgloss.Width(string(cell))
		}
	}
	return len(cell)
}

// shorten cuts a cell in front of its last parenthesis, so that a pid stays:
// "postgres: check…(812)".
func shorten(cell []byte, width int) []byte {
	head, tail := []rune(string(cell)), ""
	if i := bytes.LastIndexByte(cell, '('); i > 0 && len(cell)-i < width {
		head, tail = []rune(string(cell[:i])), string(cell[i:])
	}
	for len(head) > 0 && lipgloss.Width(string(head))+1+len(tail) > width {
		head = head[:len(head)-1]
	}
	return []byte(string(head) + "…" + tail)
}

// stateColours are the escape sequences around each state: green works, yellow
// waits for something that may not come, faint is over.
func stateColours() (cells [tcp.NumStates][2]string) {
	green := lipgloss.NewStyle().Foreground(lipgloss.Green)
	yellow := lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	cyan := lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	faint := lipgloss.NewStyle().Faint(true)
	for state, style := range map[tcp.State]lipgloss.Style{
		tcp.Established: green, tcp.Listen: cyan,
		tcp.SynSent: yellow, tcp.SynReceived: yellow, tcp.NewSynRecv: yellow, tcp.CloseWait: yellow,
		tcp.FinWait1: faint, tcp.FinWait2: faint, tcp.Closing: faint, tcp.LastAck: faint, tcp.TimeWait: faint,
		tcp.Bound: faint, tcp.Closed: faint,
	} {
		cells[state] = around(style)
	}
	return cells
}

// around is the escape sequences before and after a text of that style.
func around(style lipgloss.Style) [2]string {
	before, after, _ := strings.Cut(style.Render("x"), "x")
	return [2]string{before, after}
}
