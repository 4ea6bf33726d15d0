package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
)

// worthShowing is the share of a limit from which the text shows it; the JSON
// has them all. fewest are shown however far they are.
const (
	worthShowing = 0.5
	fewest       = 3
	barWidth     = 10
	placeWidth   = 30 // a longer place gets a line of its own
)

// limits prints the limits nearest their wall as a table with bars.
func (p *printer) limits(r *diagnose.Report) {
	var rows []diagnose.Limit
	for _, l := range r.Limits {
		if l.Used == nil || l.Utilization == nil {
			continue
		}
		if share := max(*l.Utilization, plateau(l)); share >= worthShowing || len(rows) < fewest || p.o.Wide {
			rows = append(rows, l)
		}
	}
	if len(rows) == 0 {
		return
	}
	if !p.o.Wide && len(rows) > 8 {
		rows = rows[:8]
	}
	p.line()
	p.line(p.colour.bold(p.word("report.limits", nil)))
	cells := make([][2]string, len(rows))
	var wide [2]int
	for i, l := range rows {
		cells[i] = [2]string{l.Title, p.place(l.Scope)}
		wide[0] = max(wide[0], visible(l.Title))
		if w := visible(cells[i][1]); w <= placeWidth {
			wide[1] = max(wide[1], w)
		}
	}
	for i, l := range rows {
		share := *l.Utilization
		percent := knowledge.Percent(share)
		left := "  " + pad(cells[i][0], wide[0]) + "  "
		right := p.bar(share) + " " + strings.Repeat(" ", max(0, 6-visible(percent))) + percent +
			"  " + amount(*l.Used, l.Unit) + " / " + amount(l.Capacity, l.Unit)
		if f := p.future(l); f != "" {
			right += "  " + f
		}
		place := pad(cells[i][1], wide[1])
		if visible(left+place+right)+2 > p.width { // whose it is goes on a line of its own
			p.line(left, cells[i][1])
			left, place = strings.Repeat(" ", visible(left)), strings.Repeat(" ", max(0, p.width-visible(left)-visible(right)-2))
			place = place[:min(len(place), wide[1])]
		}
		p.line(left, place, "  ", right)
	}
	if hidden := len(r.Limits) - len(rows); hidden > 0 && !p.o.Wide {
		if next := nextShare(r.Limits, rows); next < worthShowing {
			p.line("  ", p.colour.dim(p.word("report.limits.far", knowledge.Percent(worthShowing))))
		}
	}
}

// nextShare is the share of the nearest limit that is not among the rows.
func nextShare(all, rows []diagnose.Limit) float64 {
	shown := map[diagnose.Scope]string{}
	for _, l := range rows {
		shown[l.Scope] += l.ID + " "
	}
	next := 0.0
	for _, l := range all {
		if l.Utilization != nil && !strings.Contains(shown[l.Scope], l.ID+" ") {
			next = max(next, *l.Utilization, plateau(l))
		}
	}
	return next
}

func plateau(l diagnose.Limit) float64 {
	if l.SteadyState == nil || l.Capacity == 0 {
		return 0
	}
	return float64(*l.SteadyState) / float64(l.Capacity)
}

// future says when a limit is full, or where its use levels off.
func (p *printer) future(l diagnose.Limit) string {
	switch {
	case l.Utilization != nil && *l.Utilization >= 1:
		return p.colour.severityText(diagnose.Critical, p.word("report.full", nil))
	case l.FullInS != nil:
		return p.colour.severityText(diagnose.Warning, p.word("report.full-in", p.seconds(*l.FullInS)))
	case l.SteadyState != nil && l.RatePerS != nil && *l.RatePerS > 0:
		return p.colour.dim(p.word("report.levels-off", plateau(l)))
	}
	return ""
}

// bar draws a share in barWidth cells; the number beside it says the same.
func (p *printer) bar(share float64) string {
	full := int(min(max(share, 0), 1) * barWidth)
	bar := strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
	switch {
	case share >= 0.9:
		return p.colour.severityText(diagnose.Critical, bar)
	case share >= 0.7:
		return p.colour.severityText(diagnose.Warning, bar)
	}
	return p.colour.dim(bar)
}

// amount prints a limit's number in its unit: bytes and pages as sizes.
func amount(n uint64, unit string) string {
	switch unit {
	case "bytes":
		return knowledge.Bytes(n)
	case "pages":
		return knowledge.Bytes(n * 4096)
	}
	return knowledge.Number(n)
}

// visible is the width of s on a terminal, escape sequences not counted.
func visible(s string) int { return ansi.StringWidth(s) }

// sortedCounts returns the keys, the greatest count first.
func sortedCounts(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}
