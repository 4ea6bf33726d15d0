package report

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tune"
)

// PlanSchema names the contract that a plan is printed in. It may grow, never change.
const PlanSchema = "sockeye.plan/v1"

// planned is a change as the contract has it: with its words and its command.
type planned struct {
	tune.Change
	tune.Told
	Command string `json:"command"`
}

// kept is a setting that stays, with the reason in words.
type kept struct {
	tune.Left
	Explanation string `json:"explanation"`
}

// sourced is a finding that a program cures, with the remedy whatever told it.
type sourced struct {
	tune.AtSource
	Title  string          `json:"title"`
	Remedy diagnose.Remedy `json:"remedy"`
}

// planDoc is a whole plan in the contract "sockeye.plan/v1".
type planDoc struct {
	Schema     string               `json:"schema"`
	Tool       diagnose.Tool        `json:"tool"`
	Host       diagnose.Host        `json:"host"`
	TakenAt    string               `json:"taken_at"`
	Lang       string               `json:"lang"`
	NetNS      string               `json:"netns"`
	For        diagnose.Optional    `json:"for"`     // the finding that was planned for, null: those that were found
	Profile    diagnose.Optional    `json:"profile"` // null: none was asked for
	Changes    []planned            `json:"changes"`
	ByHand     []planned            `json:"by_hand"`
	Left       []kept               `json:"left"`
	AtSource   []sourced            `json:"at_source"`
	BlindSpots []diagnose.BlindSpot `json:"blind_spots"`
}

// PlanJSON writes a plan in the contract.
func PlanJSON(w io.Writer, plan tune.Plan, r *diagnose.Report, book *knowledge.Book) error {
	d, err := docOf(plan, r, book)
	if err != nil {
		return err
	}
	return AsJSON(w, d)
}

func docOf(plan tune.Plan, r *diagnose.Report, book *knowledge.Book) (*planDoc, error) {
	d := &planDoc{Schema: PlanSchema, Tool: r.Tool, Host: r.Host, TakenAt: r.TakenAt.Format("2006-01-02T15:04:05Z07:00"), Lang: book.Lang(),
		NetNS: strconv.FormatUint(plan.NetNS, 10), For: diagnose.Optional(plan.For), Profile: diagnose.Optional(plan.Profile), Changes: []planned{}, ByHand: []planned{}, Left: []kept{}, AtSource: []sourced{}, BlindSpots: r.BlindSpots}
	enter := entering(r, d.NetNS)
	for _, list := range []struct {
		from []tune.Change
		to   *[]planned
	}{{plan.Changes, &d.Changes}, {plan.ByHand, &d.ByHand}} {
		for _, c := range list.from {
			told, err := tune.Tell(book, c)
			if err != nil {
				return nil, err
			}
			command := c.Command()
			switch {
			case c.Kind == "" && c.Scope == tune.Namespace:
				command = enter + command
			case ofHome(c, plan, r):
				command = enterHome + command
			}
			*list.to = append(*list.to, planned{c, told, command})
		}
	}
	for _, l := range plan.Left {
		why, err := tune.TellLeft(book, l)
		if err != nil {
			return nil, err
		}
		d.Left = append(d.Left, kept{l, why})
	}
	for _, a := range plan.AtSource {
		s, err := sourceOf(a, book)
		if err != nil {
			return nil, err
		}
		d.AtSource = append(d.AtSource, s)
	}
	return d, nil
}

// whole are remedies whose commands need no number of a report.
var whole = []string{"find-open-files"}

// sourceOf finds the words of a cure that was not told by a report.
func sourceOf(a tune.AtSource, book *knowledge.Book) (sourced, error) {
	s := sourced{AtSource: a, Title: a.Title}
	if a.Remedy != nil {
		s.Remedy = *a.Remedy
		return s, nil
	}
	r, err := book.Remedy(a.Cure, "", &knowledge.Values{})
	if err != nil {
		return s, err
	}
	s.Remedy = diagnose.Remedy{Kind: r.Kind, Title: r.Title, Detail: r.Detail, Effect: r.Effect, Risk: r.Risk} // its command would lack the numbers
	if slices.Contains(whole, a.Cure) {
		s.Remedy.Command = diagnose.Optional(r.Command)
	}
	if s.Title == "" {
		s.Title = a.Finding
	}
	return s, nil
}

// entering is what a command begins with to act in another network namespace than
// the one that Sockeye was started in, "" where there is no need or no way.
func entering(r *diagnose.Report, inode string) string {
	for _, ns := range r.Namespaces {
		if ns.Inode != inode || ns.Self {
			continue
		}
		plain := ns.Name != "" && ns.Name[0] != '-' && strings.IndexFunc(string(ns.Name), func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c)
		}) < 0
		switch {
		case plain:
			return "ip netns exec " + string(ns.Name) + " "
		case ns.PID != nil:
			return "nsenter -t " + strconv.Itoa(int(*ns.PID)) + " -n "
		}
	}
	return ""
}

// enterHome enters the machine's own namespace, which is that of process 1.
const enterHome = "nsenter -t 1 -n "

// ofHome reports whether a network setting of the whole machine has to be typed in
// the machine's own namespace, because the plan or the shell is in another one: the
// kernel shows it there only, or for reading only.
func ofHome(c tune.Change, plan tune.Plan, r *diagnose.Report) bool {
	if c.Kind != "" || c.Scope != tune.Host || c.NetNS == 0 || !strings.HasPrefix(c.Setting, "net.") {
		return false
	}
	home := strconv.FormatUint(c.NetNS, 10)
	return plan.NetNS != c.NetNS || slices.ContainsFunc(r.Namespaces, func(ns diagnose.NetNS) bool { return ns.Self && ns.Inode != home })
}

// PlanText writes a plan for a person: what to change first, worst first, then
// what a program cures, then what stays and why.
func PlanText(w io.Writer, plan tune.Plan, r *diagnose.Report, book *knowledge.Book, o TextOptions) error {
	d, err := docOf(plan, r, book)
	if err != nil {
		return err
	}
	p := newPrinter(w, book, o)
	p.places = namespaces(r)
	p.head(r)
	p.blank()
	switch {
	case d.Profile != "":
		p.line(p.word("tune.plan.for-profile", string(d.Profile)))
	case d.For != "":
		p.line(p.word("tune.plan.for-finding", string(d.For)))
	}
	switch {
	case len(d.Changes) > 0:
		p.line(p.colour.bold(p.word("tune.plan.changes", len(d.Changes))))
	case len(d.ByHand) > 0:
		p.line(p.colour.bold(p.word("tune.plan.hand-only", nil)))
	case d.Profile != "":
		p.line(p.colour.bold(p.word("tune.plan.ready", string(d.Profile))))
	case len(d.AtSource) > 0:
		p.line(p.colour.bold(p.word("tune.plan.nothing", nil)))
	default:
		p.line(p.colour.bold(p.word("tune.plan.healthy", nil)))
	}
	for i, c := range d.Changes {
		p.planned(i+1, c, d)
	}
	if len(d.ByHand) > 0 {
		p.section("tune.plan.by-hand")
		for i, c := range d.ByHand {
			p.planned(len(d.Changes)+i+1, c, d)
		}
	}
	p.sources(d)
	p.keptAsIs(d)
	p.blind(r)
	return p.end()
}

// planned prints one change: the setting with both values, then a line for each
// thing that one asks before changing it.
func (p *printer) planned(n int, c planned, d *planDoc) {
	p.line()
	p.heading(strconv.Itoa(n)+". ", c)
	p.para("", "", plain(c.Title), p.colour.bold)
	serves := p.inWords(c.Finding)
	switch {
	case c.Undoes && (c.Finding == "" || c.Finding == "harmful-setting"):
		serves = p.word("tune.plan.way-back", nil)
	case c.Undoes:
		serves = beside(serves, p.word("report.kind", p.word("tune.plan.way-back", nil)))
	case serves == "":
		serves = string(d.Profile)
	}
	if serves != "" {
		p.para(p.word("tune.plan.serves", nil), "", serves, nil)
	}
	p.para(p.word("tune.plan.why", nil), "", plain(c.Why), nil)
	p.para(p.word("tune.plan.does-not", nil), "", plain(c.DoesNot), nil)
	p.para(p.word("tune.plan.risk", nil), "", plain(c.Risk), nil)
	scope := p.word("tune.plan.scope.host", nil)
	switch {
	case c.Scope == tune.Namespace:
		name := p.places[d.NetNS]
		if name == "" {
			name = "netns " + d.NetNS
		}
		scope = p.word("tune.plan.scope.namespace", name)
	case c.Kind == tune.Prlimit:
		scope = p.word("tune.plan.scope.process", nil)
	case c.Kind == tune.Systemd:
		scope = p.word("tune.plan.scope.unit", c.Values.Unit)
	case strings.HasPrefix(c.Command, enterHome):
		scope = p.word("tune.plan.scope.home", nil)
	}
	p.para(p.word("tune.plan.scope", nil), "", scope, nil)
	p.para(p.word("tune.plan.when", nil), "", plain(c.When), nil)
	p.para(p.word("tune.plan.proof", nil), "", plain(c.Proof), nil)
	p.commands(diagnose.Remedy{Kind: "kernel", Command: diagnose.Optional(c.Command)})
}

// inWords is what a finding is called, with its id behind.
func (p *printer) inWords(id string) string {
	name, err := p.book.FindingName(id)
	if err != nil || name == "" {
		return id
	}
	return beside(name, p.word("report.kind", id))
}

// setTo is a value on one line; a long list of ports is cut, its command is not.
func (p *printer) setTo(value string, unset bool) string {
	const longest = 60
	value = host.Printable(strings.Join(strings.Fields(value), " "))
	switch {
	case unset:
		return p.word("tune.plan.unset", nil)
	case value == "":
		return p.word("tune.plan.empty", nil)
	}
	return shorten(value, longest)
}

// becomes is what a setting is to be; a registry value without one goes.
func (p *printer) becomes(c planned) string {
	if c.To == "" && c.Kind != "" {
		return p.word("tune.plan.removed", nil)
	}
	return p.setTo(c.To, false)
}

func (p *printer) sources(d *planDoc) {
	if len(d.AtSource) == 0 {
		return
	}
	p.section("tune.plan.source")
	for i, s := range d.AtSource {
		if i == mostBlocks && !p.o.Wide {
			p.more(len(d.AtSource) - i)
			return
		}
		title := plain(s.Title)
		switch {
		case s.Only:
			title = beside(title, p.word("report.kind", p.word("tune.plan.only", nil)))
		case s.Cured():
			title = beside(title, p.word("report.kind", p.word("tune.plan.besides", nil)))
		case s.Helped:
			title = beside(title, p.word("report.kind", p.word("tune.plan.as-well", nil)))
		}
		p.para("", "", title, nil)
		p.para(p.word("tune.plan.do", nil), "", p.colour.bold(plain(s.Remedy.Title)), nil)
		p.para("", "", plain(s.Remedy.Detail), nil)
		p.commands(s.Remedy)
	}
}

// keptAsIs lists what was looked at and stays, each with its reason.
func (p *printer) keptAsIs(d *planDoc) {
	if len(d.Left) == 0 {
		return
	}
	var quiet []string
	for _, l := range d.Left {
		if p.hushed(l, d) && l.Value != "" { // what is not there is not right either
			quiet = append(quiet, l.Setting[strings.LastIndexByte(l.Setting, '.')+1:])
		}
	}
	p.section("tune.plan.left")
	for _, l := range d.Left {
		if p.hushed(l, d) {
			continue
		}
		head := l.Setting
		if value := host.Printable(strings.Join(strings.Fields(l.Value), " ")); value != "" {
			head += " = " + shorten(value, max(12, min(40, p.width-2-visible(head)-len(" = "))))
		}
		p.line("  ", head)
		for _, text := range wrap(plain(l.Explanation), p.width-labelWidth) {
			p.line(strings.Repeat(" ", labelWidth), p.colour.dim(text))
		}
	}
	if len(quiet) > 0 {
		p.line("  ", beside(p.word("tune.plan.quiet", len(quiet)), p.word("report.kind", "--wide")))
		for _, text := range wrap(strings.Join(slices.Compact(quiet), ", "), p.width-labelWidth) {
			p.line(strings.Repeat(" ", labelWidth), p.colour.dim(text))
		}
	}
}

// hushed reports whether a setting that stays is only counted: it is right as it
// is, or is of a past that matters only to who asked what is set in vain.
func (p *printer) hushed(l kept, d *planDoc) bool {
	if p.o.Wide {
		return false
	}
	return l.Quiet() || l.Reason == "tw-recycle-gone" && d.Profile == "" && d.For != "harmful-setting"
}
