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
	p.section("report.limits")
	titles, places, facts := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
	var titleWidth, factWidth, placeWidth int
	for i, l := range rows {
		titles[i], places[i], facts[i] = l.Title, p.place(l.Scope), p.limit(l)
		titleWidth, factWidth = max(titleWidth, visible(titles[i])), max(factWidth, visible(facts[i]))
	}
	// A place that is too long for the columns goes on a line of its own.
	room := p.width - titleWidth - factWidth - 6
	for _, at := range places {
		if w := visible(at); w <= room {
			placeWidth = max(placeWidth, w)
		}
	}
	for i := range rows {
		title, at := pad(titles[i], titleWidth), places[i]
		if visible(at) > room {
			p.line("  ", title, "  ", at)
			title, at = pad("", titleWidth), ""
		}
		p.line("  ", title, "  ", pad(at, placeWidth), "  ", facts[i])
	}
	if hidden := len(r.Limits) - len(rows); hidden > 0 && !p.o.Wide {
		if next := nextShare(r.Limits, rows); next < worthShowing {
			p.line("  ", p.colour.dim(p.word("report.limits.far", knowledge.Percent(worthShowing))))
		}
	}
}

// limit draws a limit that has a use: how full, of how much, and what will come.
func (p *printer) limit(l diagnose.Limit) string {
	percent := knowledge.Percent(*l.Utilization)
	s := p.bar(*l.Utilization) + " " + strings.Repeat(" ", max(0, 6-visible(percent))) + percent +
		"  " + amount(*l.Used, l.Unit) + " / " + amount(l.Capacity, l.Unit)
	if f := p.future(l); f != "" {
		s += "  " + f
	}
	return s
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
func sortedCounts[N int | uint64](m map[string]N) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}
