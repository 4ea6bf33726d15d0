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
	defer func() { o.tellLosses(app, w.lost) }()
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
			return w.printed, failed(fmt.Errorf("reading the counts: %w", err), "")
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
	widths  []int  // of the columns so far: they never shrink, or the eye would lose them
}

func (w *topTable) print(a *host.Activity) error {
	w.lost = a.Lost
	flows := slices.DeleteFunc(w.reader.next(a), func(f flow) bool { return !w.match.match(&f) })
	switch {
	case w.format == "ndjson":
		slices.SortFunc(flows, busiest)
		return w.printJSON(flows)
	case w.screen != nil:
		flows = byListener(flows)
		slices.SortFunc(flows, busiest)
		return w.draw(flows, a)
	}
	flows = slices.DeleteFunc(byListener(flows), func(f flow) bool { return f.idle() })
	slices.SortFunc(flows, busiest)
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
	// The summary, the header and the line of the cursor need a line each.
	shown := flows[:min(len(flows), max(1, height-3))]
	for _, f := range flows {
		w.printed += b2i(!f.idle())
	}
	var out bytes.Buffer
	out.WriteString(w.summary(flows, len(shown), a))
	out.WriteByte('\n')
	g := w.grid(shown, topColumnsFor(width))
	if len(w.widths) != len(g.headers) {
		w.widths = make([]int, len(g.headers)) // the terminal has another width now
	}
	g.widths = w.widths
	if err := g.writeAligned(&out, width, !w.noHeader); err != nil {
		return err
	}
	w.tables++
	return w.screen.redraw(out.Bytes())
}

func (w *topTable) summary(flows []flow, shown int, a *host.Activity) string {
	var opened, failures uint64
	for i := range flows {
		opened += flows[i].opened
		failures += flows[i].failed
	}
	rate := func(n uint64) string { return knowledge.Rate(perSecond(n, w.over)) }
	text := w.at.Format(clock) + "  " + rate(opened) + " opened · " + rate(failures) + " failed"
	if w.lang == "zh" {
		text = w.at.Format(clock) + "  打开 " + rate(opened) + " · 失败 " + rate(failures)
	}
	if left := len(flows) - shown; left > 0 && w.lang == "zh" {
		text += fmt.Sprintf(" · 另有 %d 行未显示", left)
	} else if left > 0 {
		text += fmt.Sprintf(" · %d more rows", left)
	}
	if n := a.Sampled.Every; n > 1 && w.lang == "zh" {
		text += fmt.Sprintf(" · 每 %d 个连接取一个调用栈", n)
	} else if n > 1 {
		text += fmt.Sprintf(" · stack of 1 in %d", n)
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
		faint := around(lipgloss.NewStyle().Faint(true))
		g.colour = func(row, column int) (before, after string) {
			switch h := columns[column].header; {
			case flows[row].idle():
				return faint[0], faint[1]
			case flows[row].failed > 0 && h == "FAIL/S", flows[row].errno != 0 && h == "ERRNO":
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
