package cli

import (
	"slices"

	"sockeye/internal/tcp"
)

// sacrifices are what a narrow table does without, the first that helps. Where one
// program has many connections, their line of code says more than the namespace.
var sacrifices = [][]string{
	nil,
	{netnsColumn.header},
	{openedAtColumn.header},
	{netnsColumn.header, openedAtColumn.header},
	{netnsColumn.header, openedAtColumn.header, timerColumn.header},
}

// narrow makes the table fit a terminal: it says the timer in fewer words, leaves
// out a queue that is empty in every row, and at last whole columns, whose headers
// it returns. Where all that is not enough (IPv6) the lines wrap, and nothing more
// is left out.
func (p *picked) narrow(columns []column, width int) (shown []column, left []string) {
	widths := p.grid(columns).measure()
	if total(widths) <= width {
		return columns, nil
	}
	columns = slices.Clone(columns)
	if i := indexOf(columns, timerColumn.header); i >= 0 {
		columns[i].text = appendShortTimer
		widths[i] = p.grid(columns[i : i+1]).measure()[0]
	}
	for _, queue := range baseColumns[:2] {
		if total(widths) > width && p.empty(queue) {
			columns, widths = without(columns, widths, queue.header)
		}
	}
	for _, headers := range sacrifices {
		fewer, narrower := columns, widths
		left = nil
		for _, header := range headers {
			if indexOf(columns, header) >= 0 {
				fewer, narrower = without(fewer, narrower, header)
				left = append(left, header)
			}
		}
		if total(p.grid(fewer).fit(slices.Clone(narrower), width)) <= width {
			return fewer, left
		}
	}
	return columns, nil
}

func indexOf(columns []column, header string) int {
	return slices.IndexFunc(columns, func(c column) bool { return c.header == header })
}

// without returns copies that lack the column, where there is one.
func without(columns []column, widths []int, header string) ([]column, []int) {
	i := indexOf(columns, header)
	if i < 0 {
		return columns, widths
	}
	return slices.Delete(slices.Clone(columns), i, i+1), slices.Delete(slices.Clone(widths), i, i+1)
}

// total is how wide the columns are with the gaps between them.
func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// empty reports whether a queue holds nothing in any row.
func (p *picked) empty(queue column) bool {
	var cell []byte
	for _, row := range p.rows {
		if cell = queue.text(p.view, cell[:0], &p.sn.Sockets[row]); string(cell) != "0" {
			return false
		}
	}
	return true
}

// appendShortTimer is appendTimer without what the state says already, and
// without retries where there were none: "41s" of a TIME_WAIT, "on,212ms,3".
func appendShortTimer(v *view, dst []byte, s *tcp.Socket) []byte {
	switch t := s.Timer; {
	case t.Kind == tcp.TimerOff || t.Retries != 0:
		return appendTimer(v, dst, s)
	case t.Kind != tcp.TimerTimeWait || s.State != tcp.TimeWait:
		dst = append(append(dst, t.Kind.String()...), ',')
	}
	return appendSpan(dst, s.Timer.Expires)
}
