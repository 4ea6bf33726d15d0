package report

import (
	"charm.land/lipgloss/v2"

	"sockeye/internal/diagnose"
)

// colours paints text, or leaves it as it is. Colour never carries a meaning
// alone: each has its word or its mark beside it.
type colours struct {
	dim, bold, command func(string) string
	paint              func(lipgloss.Style, string) string
}

func palette(on bool) colours {
	same := func(s string) string { return s }
	c := colours{dim: same, bold: same, command: same, paint: func(_ lipgloss.Style, s string) string { return s }}
	if on {
		render := func(st lipgloss.Style) func(string) string {
			return func(s string) string { return st.Render(s) }
		}
		c.dim = render(lipgloss.NewStyle().Faint(true))
		c.bold = render(lipgloss.NewStyle().Bold(true))
		c.command = render(lipgloss.NewStyle().Foreground(lipgloss.Cyan))
		c.paint = func(st lipgloss.Style, s string) string { return st.Render(s) }
	}
	return c
}

var severityColour = map[diagnose.Severity]lipgloss.Style{
	diagnose.Critical: lipgloss.NewStyle().Foreground(lipgloss.Red),
	diagnose.Warning:  lipgloss.NewStyle().Foreground(lipgloss.Yellow),
	diagnose.Notice:   lipgloss.NewStyle().Foreground(lipgloss.Cyan),
	diagnose.Healthy:  lipgloss.NewStyle().Foreground(lipgloss.Green),
}

// severity paints a badge; severityText paints words.
func (c colours) severity(s diagnose.Severity, text string) string {
	return c.paint(severityColour[s].Reverse(true).Bold(true), text)
}

func (c colours) severityText(s diagnose.Severity, text string) string {
	return c.paint(severityColour[s].Bold(true), text)
}
