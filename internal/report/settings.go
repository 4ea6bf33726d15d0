package report

import (
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tune"
)

// settings leads on from the doctor to the plan: one line where a setting is part of
// what helps.
func (p *printer) settings(r *diagnose.Report) {
	command := planOf(r)
	if command == "" {
		return
	}
	p.blank()
	said := p.word("report.settings", nil)
	if line := beside(said, p.colour.command(command)); visible(line) <= p.width {
		p.line(line)
		return
	}
	p.line(said)
	p.line(p.colour.command(command)) // never broken
}

func (p *printer) markdownSettings(r *diagnose.Report) {
	if command := planOf(r); command != "" {
		p.line()
		p.line(beside(escapeMarkdown(p.word("report.settings", nil)), "`"+command+"`"))
	}
}

// planOf is the command that plans settings for what a live report found, for the
// namespace of the worst finding that has one; "" where no setting is among what
// helps, or where Sockeye sets none.
func planOf(r *diagnose.Report) string {
	if r.Source.Kind != string(host.Live) || r.Host.OS == nil {
		return ""
	}
	command := map[string]string{"linux": "sudo sockeye tune plan", "windows": "sockeye tune plan"}[*r.Host.OS]
	if command == "" {
		return ""
	}
	for _, f := range r.Findings {
		if !tune.Helps(f.ID) || !slices.ContainsFunc(f.Remedies, func(m diagnose.Remedy) bool { return m.Kind == "kernel" }) {
			continue
		}
		if within, ok := withinNetNS(r, f.NetNS); ok {
			return command + within
		}
	}
	return ""
}

// withinNetNS is the flag that leads a command into a finding's namespace, "" where
// there is no need of one; not ok where nothing can name that namespace.
func withinNetNS(r *diagnose.Report, inode string) (flag string, ok bool) {
	at := slices.IndexFunc(r.Namespaces, func(ns diagnose.NetNS) bool { return ns.Inode == inode })
	if inode == "" || at < 0 || r.Namespaces[at].Self {
		return "", true
	}
	ns := r.Namespaces[at]
	name := string(ns.Name)
	switch {
	case plainName(name) && strings.Trim(name, "0123456789") != "" && name != "all" && name != "self":
		return " --netns " + name, true
	case ns.PID != nil:
		return " --netns " + strconv.Itoa(int(*ns.PID)), true
	}
	return "", false
}

// plainName reports whether a name may stand in a command that people copy.
func plainName(s string) bool {
	return s != "" && s[0] != '-' && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c)
	}) < 0
}

// settingsFor leads on from the entry of a finding to the plan that can be made for it.
func (p *printer) settingsFor(e *knowledge.Entry) string {
	if e.Kind != knowledge.KindFinding || !tune.Helps(e.ID) {
		return ""
	}
	return p.word("report.settings", nil) + "\n`sockeye tune plan --for " + e.ID + "`"
}
