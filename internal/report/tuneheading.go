package report

import (
	"strings"

	"sockeye/internal/host"
)

// heading prints a setting with both values on one line, or on several where there is
// no room; a setting's name is never broken.
func (p *printer) heading(number string, c planned) {
	from, to := p.setTo(c.From, c.From == "" && c.Kind != ""), p.becomes(c)
	if from == to { // both are cut: what differs stands at their end
		from, to = p.ends(c.From), p.ends(c.To)
	}
	margin := strings.Repeat(" ", labelWidth)
	switch both := visible(from + " → " + to); {
	case visible(number+c.Setting)+2+both <= p.width:
		p.line(number, p.colour.bold(c.Setting), "  ", from, " → ", p.colour.bold(to))
	case labelWidth+both <= p.width:
		p.line(number, p.colour.bold(c.Setting))
		p.line(margin, from, " → ", p.colour.bold(to))
	default:
		p.line(number, p.colour.bold(c.Setting))
		p.line(margin, shorten(from, p.width-labelWidth))
		p.line(margin, "→ ", p.colour.bold(shorten(to, p.width-labelWidth-2)))
	}
}

// ends is the last part of a list, cut between two of its values where it has some.
func (p *printer) ends(list string) string {
	longest := min(60, p.width-labelWidth-2)
	list = host.Printable(strings.Join(strings.Fields(list), " "))
	if len(list) <= longest {
		return list
	}
	list = list[len(list)-longest+1:]
	if i := strings.IndexAny(list, ", "); i >= 0 {
		list = list[i:]
	}
	return "…" + list
}
