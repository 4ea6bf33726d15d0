package report

import (
	"slices"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
)

// blindTold is how many things not seen for one reason are named together.
const blindTold = 3

// unseen is a reason for not having seen something, and all that was not seen for it.
type unseen struct {
	what        []string
	why, remedy string
}

// blind lists what was not seen. What has one reason and one remedy is told once;
// a remedy that says there is nothing to do is left out. Of saved text the reasons
// stand in the wide report: there are several nearly always.
func (p *printer) blind(r *diagnose.Report) {
	if len(r.BlindSpots) == 0 {
		return
	}
	brief := r.Source.Kind == string(host.Paste) && !p.o.Wide
	title := p.word("report.blind", nil)
	if brief {
		title = beside(title, p.word("report.kind", p.word("report.blind.why", nil)))
	}
	p.blank()
	p.line(p.colour.bold(title))
	none := p.word("report.none-needed", nil)
	for _, u := range together(r.BlindSpots) {
		what := u.what
		if over := len(what) - blindTold; over > 0 && !p.o.Wide {
			what = append(slices.Clone(what[:blindTold]), p.moreText(over))
		}
		text := strings.Join(what, " · ")
		if u.why != "" && !brief {
			text += " — " + u.why
		}
		if u.remedy != "" && u.remedy != none {
			text += " → " + u.remedy
		}
		for i, l := range wrap(host.Printable(text), p.width-4) {
			if i == 0 {
				p.line("  – ", l)
			} else {
				p.line("    ", l)
			}
		}
	}
}

// together joins the spots that have one reason, in the order of the first of each.
func together(spots []diagnose.BlindSpot) []unseen {
	at := map[[2]string]int{}
	var all []unseen
	for _, b := range spots {
		reason := [2]string{b.Why, b.Remedy}
		i, ok := at[reason]
		if !ok {
			i, at[reason] = len(all), len(all)
			all = append(all, unseen{why: b.Why, remedy: b.Remedy})
		}
		all[i].what = append(all[i].what, b.What)
	}
	return all
}
