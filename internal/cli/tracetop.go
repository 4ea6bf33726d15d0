package cli

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// refresh is the time between two tables of --top.
const refresh = time.Second

// watch prints a table each second until ctx ends, and returns how many rows it
// printed.
func (o *traceOptions) watch(ctx context.Context, app App, t tracer) (printed int, err error) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	w := &topTable{traceOptions: o, app: app}
	defer func() {
		o.tellLosses(app, w.lost)
		o.tellShortages(app, t.Shortages())
	}()
	w.match.expr, w.match.names.place = o.expr, o.place
	if o.format == "text" && app.StdoutTTY {
		w.screen = newScreen(app)
	}
	last := time.Now()
	for seconds := 1; ; seconds++ {
		select {
		case <-ctx.Done():
			// What happened since the last table is part of the answer too, where
			// --duration ends in the middle of a second. On a screen the last
			// whole second stays.
			if w.screen != nil && w.tables > 0 || time.Since(last) < refresh/4 {
				return w.printed, nil
			}
		case <-tick.C:
		}
		a, err := t.Activity()
		if err != nil {
			return w.printed, failed(fmt.Errorf(o.say("reading the counts: %w", "读取计数时出错：%w"), err), "")
		}
		now := time.Now()
		w.at, w.over = now, now.Sub(last)
		last = now
		if err := w.print(a); err != nil {
			return w.printed, written(err)
		}
		if ctx.Err() != nil || o.count > 0 && seconds >= o.count {
			return w.printed, nil
		}
	}
}

// topTable is the answer of --top, made anew each second.
type topTable struct {
	*traceOptions
	app     App
	reader  flowReader
	match   flowMatcher
	at      time.Time
	over    time.Duration // since the table before
	screen  *screen       // nil on a pipe
	tables  int
	printed int    // rows
	lost    uint64 // what found no room in the counts
	idle    int    // flows in which nothing happened
	widths  []int  // of the columns so far: they never shrink, or the eye would lose them

	codeRoom int // of the column CODE on a terminal
}

func (w *topTable) print(a *host.Activity) error {
	w.lost = a.Lost
	flows := slices.DeleteFunc(w.reader.next(a), func(f flow) bool { return !w.match.match(&f) })
	if w.format == "ndjson" {
		slices.SortFunc(flows, busiest)
		return w.printJSON(flows)
	}
	flows = byListener(flows)
	all := len(flows)
	flows = slices.DeleteFunc(flows, func(f flow) bool { return f.idle() })
	w.idle = all - len(flows)
	slices.SortFunc(flows, busiestAttempts)
	if w.screen != nil {
		w.printed += len(flows)
		return w.draw(flows, a)
	}
	if len(flows) == 0 {
		return nil // a header alone says nothing
	}
	w.printed += len(flows)
	g := w.grid(flows, pipeColumns)
	var out bytes.Buffer
	if w.tables++; w.tables > 1 {
		out.WriteByte('\n')
	}
	if err := g.writeTabs(&out, !w.noHeader); err != nil {
		return err
	}
	_, err := w.app.Stdout.Write(out.Bytes())
	return err
}

func (w *topTable) printJSON(flows []flow) error {
	var out []byte
	for i := range flows {
		if f := &flows[i]; !f.idle() {
			out = append(w.appendFlowJSON(out, f), '\n')
			w.printed++
		}
	}
	if len(out) == 0 {
		return nil
	}
	_, err := w.app.Stdout.Write(out)
	return err
}

// draw puts the table on the screen, as many rows as there is room for.
func (w *topTable) draw(flows []flow, a *host.Activity) error {
	width, height := w.screen.size()
	// The summary, the header, the idle ones and the line of the cursor need a line each.
	room, each := height-3-b2i(w.idle > 0), 1+b2i(w.twoLines(width))
	shown := flows[:min(len(flows), max(1, room/each))]
	var out bytes.Buffer
	out.WriteString(w.summary(flows, len(shown), a))
	out.WriteByte('\n')
	if err := w.writeRows(&out, shown, width); err != nil {
		return err
	}
	if w.idle > 0 {
		fmt.Fprintf(&out, w.say("%d idle\n", "%d 个空闲\n"), w.idle)
	}
	w.tables++
	return w.screen.redraw(out.Bytes())
}

// writeRows prints the table for a terminal of that width.
func (w *topTable) writeRows(out *bytes.Buffer, flows []flow, width int) error {
	columns := w.columnsFor(width)
	last := len(columns) - 1
	if len(w.widths) != len(columns) {
		w.widths = make([]int, len(columns)) // the terminal has another width now
	}
	if columns[last].header == codeTop.header {
		w.widths[last] = 0
		w.codeRoom = w.roomLeft(w.grid(flows, columns[:last]), width)
	}
	g := w.grid(flows, columns)
	g.widths = w.widths
	if !w.twoLines(width) {
		return g.writeAligned(out, width, !w.noHeader)
	}
	var table bytes.Buffer
	if err := g.writeAligned(&table, width, !w.noHeader); err != nil {
		return err
	}
	row := -b2i(!w.noHeader)
	for line := range bytes.Lines(table.Bytes()) {
		out.Write(line)
		if row >= 0 {
			out.Write(w.appendCodeLine(nil, &flows[row], width))
		}
		row++
	}
	return nil
}

// What the columns have at least. PROCESS, the first, is cut for CODE, down to
// what grid.fit leaves of it.
const (
	leastCode    = 20
	leastProcess = 12
)

// roomLeft is what the other columns leave to CODE of the width.
func (w *topTable) roomLeft(others *grid, width int) int {
	left, process := width, 0
	for c, needed := range others.measure() {
		needed = max(needed, w.widths[c])
		left -= needed + gap
		if c == 0 {
			process = needed
		}
	}
	return max(left, min(width/5, left+process-leastProcess), leastCode)
}

// appendCodeLine is the second line of a row of which stacks were taken.
func (w *topTable) appendCodeLine(dst []byte, f *flow, width int) []byte {
	code, n, of := f.where()
	if of == 0 {
		return dst
	}
	stacks := fmt.Sprintf(w.say("%d of %d stacks", "%[2]d 个调用栈中的 %[1]d 个"), n, of)
	dst = appendCodeFitting(append(dst, "    "...), code, width-4-2-ansi.StringWidth(stacks))
	return append(append(append(dst, "  "...), stacks...), '\n')
}

func (w *topTable) summary(flows []flow, shown int, a *host.Activity) string {
	var outgoing, incoming, failures uint64
	for i := range flows {
		f := &flows[i]
		switch {
		case f.call != "":
		case f.incoming:
			incoming += f.attempts().tried()
		default:
			outgoing += f.attempts().tried()
		}
		failures += f.attempts().failures()
	}
	rate := func(n uint64) string { return knowledge.Rate(perSecond(n, w.over)) }
	text := w.at.Format(clock) + fmt.Sprintf(w.say("  outgoing %s, incoming %s, failed %s", "  出站 %s，入站 %s，失败 %s"),
		rate(outgoing), rate(incoming), rate(failures))
	if left := len(flows) - shown; left > 0 {
		text += fmt.Sprintf(w.say(" · %d more rows", " · 另有 %d 行未显示"), left)
	}
	if n := a.Sampled.Every; n > 1 {
		sampled := fmt.Sprintf(w.say(" · stack of 1 in %d", " · 每 %d 个连接取一个调用栈"), n)
		if ansi.StringWidth(text+sampled) <= w.screen.width {
			text += sampled
		}
	}
	return text
}

// topColumn is a column of --top.
type topColumn struct {
	header string
	right  bool
	flex   bool
	text   func(w *topTable, dst []byte, f *flow) []byte
}

func (w *topTable) grid(flows []flow, columns []topColumn) *grid {
	g := &grid{rows: len(flows)}
	for _, c := range columns {
		g.headers = append(g.headers, c.header)
		g.right = append(g.right, c.right)
		g.flex = append(g.flex, c.flex)
	}
	g.cell = func(dst []byte, row, column int) []byte {
		start := len(dst)
		return printableFrom(columns[column].text(w, dst, &flows[row]), start)
	}
	if colour(w.app) {
		red := around(lipgloss.NewStyle().Foreground(lipgloss.Red))
		g.colour = func(row, column int) (before, after string) {
			switch h := columns[column].header; {
			case flows[row].attempts().failures() > 0 && h == failTop.header, flows[row].errno != 0 && h == errnoTop.header:
				return red[0], red[1]
			}
			return "", ""
		}
	}
	return g
}

func rateColumn(header string, count func(*flow) uint64) topColumn {
	return topColumn{header: header, right: true, text: func(w *topTable, dst []byte, f *flow) []byte {
		return appendRate(dst, perSecond(count(f), w.over))
	}}
}

// appendRate prints a rate without a unit: 17012, 46.6, 0.4; what is there is
// never rounded to nothing.
func appendRate(dst []byte, r float64) []byte {
	switch {
	case r == 0:
		return append(dst, '0')
	case r < 0.1:
		return append(dst, "<0.1"...)
	case r < 99.95:
		return strconv.AppendFloat(dst, math.Round(r*10)/10, 'f', -1, 64)
	}
	return strconv.AppendFloat(dst, math.Round(r), 'f', 0, 64)
}
