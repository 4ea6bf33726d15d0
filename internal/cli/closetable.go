package cli

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/report"
	"sockeye/internal/tcp"
)

// closeSchema names the JSON document of close. It may grow, never change.
const closeSchema = "sockeye.close/v1"

func (c *closing) print(cmd *cobra.Command, app App, format string) error {
	if format != "json" {
		return written(c.table(app.Stdout, app.Width, app.StdoutTTY))
	}
	head := appendHead(nil, closeSchema, c.sn)
	head = strconv.AppendBool(append(head, `,"dry_run":`...), c.dryRun)
	head = appendValueJSON(append(head, `,"entry":`...), numberValue(c.entry, c.entry != 0))
	head = append(head, `,"sockets":[`...)
	foot := string(append(appendNotesJSON([]byte("\n],\"blind_spots\":"), c.notes), "}\n"...))
	return lines(cmd.Context(), app.Stdout, len(c.plan), string(head), foot, func(dst []byte, i int) []byte {
		if i > 0 {
			dst = append(dst, ',')
		}
		p := &c.plan[i]
		s := &c.sn.Sockets[p.row]
		dst = c.appendSocketJSON(append(dst, '\n'), s)
		dst = dst[:len(dst)-1] // the row grows
		dst = appendJSONString(append(dst, `,"outcome":`...), outcomeOf(p.spared, p.result, "would-close"))
		dst = appendTextJSON(append(dst, `,"spared":`...), string(p.spared))
		dst = appendTextJSON(append(dst, `,"error":`...), errorText(p.result.Err))
		dst = appendTextJSON(append(dst, `,"consequence":`...), c.consequence(s))
		return append(appendTextJSON(append(dst, `,"protected":`...), string(p.protected)), '}')
	})
}

// outcomeOf is the outcome as JSON spells it; would stands for one to come.
func outcomeOf(spared act.Why, r act.Result, would string) string {
	switch {
	case spared != act.NoReason:
		return "spared"
	case r.Outcome == "":
		return would
	}
	return string(r.Outcome)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// consequence says what the end of a socket means to both sides; "" where the
// kernel ends none in that state.
func (c *closing) consequence(s *tcp.Socket) string {
	key := "act.close." + s.State.String()
	if s.State == tcp.FinWait2 && s.Orphan {
		key += ".orphan"
	}
	text, _ := c.book.Word(key, nil)
	return text
}

// outcome is what the table says became of it, or would.
func (c *closing) outcome(p *planned) string {
	if p.spared != act.NoReason {
		return sentence(c.book, "act.spared", sentence(c.book, "act.why."+string(p.spared), nil))
	}
	text := sentence(c.book, "act.outcome.would", nil)
	if p.result.Outcome != "" {
		text = sentence(c.book, "act.outcome."+string(p.result.Outcome), nil)
	}
	if p.protected != act.NoReason {
		text = sentence(c.book, "act.although", struct{ Outcome, Why string }{text, sentence(c.book, "act.why."+string(p.protected), nil)})
	}
	if p.result.Err != nil {
		text += ": " + p.result.Err.Error()
	}
	return text
}

// table prints what matches. On a terminal the consequences stand below it, once
// for each state; for programs they are a column.
func (c *closing) table(w io.Writer, width int, terminal bool) error {
	columns := []column{stateColumn}
	columns = append(columns, baseColumns[2:]...)
	columns = append(columns, wideColumns[indexOf(wideColumns, "AGE")])
	if !terminal || slices.ContainsFunc(c.plan, func(p planned) bool { return c.sn.Sockets[p.row].NetNS != c.sn.Sockets[c.plan[0].row].NetNS }) {
		columns = append(columns, netnsColumn)
	}
	if !terminal {
		columns = append(columns, wideColumns[indexOf(wideColumns, "COOKIE")])
	}
	if !terminal {
		return c.grid(columns, true).writeTabs(w, true)
	}
	told := slices.DeleteFunc(slices.Clone(columns), c.isEmpty) // as the age mostly is, unless somebody watched
	g := c.fitted(told, width)
	isStacked := total(g.fit(g.measure(), width)) > width
	show := func() error { return g.writeAligned(w, width, true) }
	if isStacked {
		show = func() error { return c.stacked(w, width) }
	}
	if err := show(); err != nil {
		return err
	}
	if text := c.sum(); text != "" {
		if err := wrapped(w, text, width); err != nil {
			return err
		}
	}
	if !isStacked {
		if err := c.inFull(w, g, width); err != nil {
			return err
		}
	}
	if c.entry != 0 { // who was asked has read it
		return nil
	}
	return c.legend(w, width)
}

// isEmpty reports whether a column has nothing to tell of any socket.
func (c *closing) isEmpty(col column) bool {
	return !slices.ContainsFunc(c.plan, func(p planned) bool { return len(col.text(c.view, nil, &c.sn.Sockets[p.row])) > 0 })
}

// stacked prints a socket on several lines, for a terminal that has no room for both
// its ends side by side: those of IPv6 take 47 columns each.
func (c *closing) stacked(w io.Writer, width int) error {
	states, apart := 13, false // ESTABLISHED and two blanks
	var cell []byte
	for i := range c.plan {
		for _, far := range []bool{false, true} {
			cell = c.appendEnd(cell[:0], &c.sn.Sockets[c.plan[i].row], far)
			apart = apart || states+len("  ")+cellWidth(cell) > width
		}
	}
	if apart {
		states = 2
	}
	indent := strings.Repeat(" ", states)
	out := bufio.NewWriter(w)
	for i := range c.plan {
		s := &c.sn.Sockets[c.plan[i].row]
		text := func(col column) string {
			cell = printableFrom(col.text(c.view, cell[:0], s), 0)
			return string(cell)
		}
		if apart {
			out.WriteString(text(stateColumn) + "\n" + indent)
		} else {
			out.WriteString(padded(text(stateColumn), states))
		}
		out.WriteString(text(baseColumns[2]) + "\n")
		if s.State != tcp.Listen {
			out.WriteString(indent + "→ " + text(baseColumns[3]) + "\n")
		}
		last := host.Printable(c.outcome(&c.plan[i]))
		if process := text(baseColumns[4]); process != "" {
			last = process + "  " + last
		}
		for _, line := range report.Wrap(last, width-states) {
			out.WriteString(indent + line + "\n")
		}
	}
	return out.Flush()
}

// grid is the table of these columns and of what becomes of each.
func (c *closing) grid(columns []column, consequences bool) *grid {
	known := len(columns)
	g := &grid{rows: len(c.plan)}
	add := func(header string, right, flex bool) {
		g.headers, g.right, g.flex = append(g.headers, header), append(g.right, right), append(g.flex, flex)
	}
	for _, col := range columns {
		add(col.header, col.right, col.flex)
	}
	add("RESULT", false, false)
	if consequences {
		add("CONSEQUENCE", false, false)
	}
	g.cell = func(dst []byte, row, col int) []byte {
		p := &c.plan[row]
		s := &c.sn.Sockets[p.row]
		start := len(dst)
		switch {
		case col < known:
			dst = columns[col].text(c.view, dst, s)
		case col == known:
			dst = append(dst, c.outcome(p)...)
		default:
			dst = append(dst, c.consequence(s)...)
		}
		return printableFrom(dst, start)
	}
	return g
}

// fitted is the table for a terminal: where it is too wide, a long result is cut
// short first, then columns are left out, and at last a short result is cut as well.
func (c *closing) fitted(columns []column, width int) *grid {
	const long = 24 // more than "would be closed" in any language
	g := c.grid(columns, false)
	fits := func() bool { return total(g.fit(g.measure(), width)) <= width }
	if fits() {
		return g
	}
	tooLong := g.measure()[len(columns)] > long
	for _, header := range []string{"", "AGE", netnsColumn.header} {
		if i := indexOf(columns, header); i >= 0 {
			columns = slices.Delete(slices.Clone(columns), i, i+1)
			g = c.grid(columns, false)
		}
		if tooLong {
			whole := g.cell
			g.cell = func(dst []byte, row, col int) []byte {
				start := len(dst)
				dst = whole(dst, row, col)
				if col == len(columns) && cellWidth(dst[start:]) > long {
					dst = append(dst[:start], shorten(dst[start:], long)...)
				}
				return dst
			}
		}
		if fits() {
			return g
		}
	}
	g.flex[len(columns)] = true
	return g
}

// inFull says below the table what it has no room for, once each.
func (c *closing) inFull(w io.Writer, g *grid, width int) error {
	room := g.fit(g.measure(), width)[len(g.headers)-1]
	told := map[string]bool{}
	var cell []byte
	for row := range c.plan {
		cell = printableFrom(append(cell[:0], c.outcome(&c.plan[row])...), 0)
		if cellWidth(cell) <= room || told[string(cell)] {
			continue
		}
		told[string(cell)] = true
		if err := wrapped(w, string(cell), width); err != nil {
			return err
		}
	}
	return nil
}

// legend says what the end of each state means, of those that are hit.
func (c *closing) legend(w io.Writer, width int) error {
	told := map[string]bool{}
	for _, p := range c.plan {
		s := &c.sn.Sockets[p.row]
		text := c.consequence(s)
		if p.spared != act.NoReason || text == "" || told[text] {
			continue
		}
		told[text] = true
		separator := ": "
		if c.lang == "zh" {
			separator = "："
		}
		if err := wrapped(w, s.State.String()+separator+text, width); err != nil {
			return err
		}
	}
	return nil
}

// wrapped prints a sentence, its second line and the next ones indented.
func wrapped(w io.Writer, text string, width int) error {
	_, err := io.WriteString(w, strings.Join(report.Wrap(text, width-2), "\n  ")+"\n")
	return err
}
