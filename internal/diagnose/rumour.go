package diagnose

import (
	"slices"
	"strings"

	"sockeye/internal/host"
)

// rumour is a finding of which only messages tell.
type rumour struct {
	others  []string // further suspects
	causes  []string // what may have brought it about
	os      string   // the system that logged the messages, "" unknown
	against bool     // the table shows nothing of it, or speaks against the likeliest
	manner  string   // in which of several ways it happened; see mannerOf
}

// byWord adds a finding that only messages tell of, or one more message to it.
func (x *examination) byWord(id string, ids []string, sym *host.Symptom, against bool, all []*found) []*found {
	for _, f := range all {
		if f.id == id && f.rumour != nil && f.rumour.os == x.systemOfMessage(sym) && f.rumour.manner == mannerOf(id, sym) {
			f.quote(sym)
			f.severity = graver(f.severity, x.gravity(id, sym))
			return all
		}
	}
	return append(all, x.rumoured(id, ids, sym, against))
}

// rumoured makes a finding of a message alone.
func (x *examination) rumoured(id string, ids []string, sym *host.Symptom, against bool) *found {
	r := &rumour{os: x.systemOfMessage(sym), against: against, manner: mannerOf(id, sym)}
	r.sort(id, ids)
	f := &found{id: id, severity: x.gravity(id, sym), certainty: Possible, ns: x.onlyNamespace(), wide: true, rumour: r}
	switch {
	case against:
	case len(r.others) == 0 && suspicions[id].names:
		f.certainty = Proven
	case len(r.others) == 0, id == "port-exhaustion" && x.manyCounted():
		f.certainty = Likely
	}
	if f.certainty == Possible && f.severity == Critical {
		f.severity = Warning
	}
	f.values = x.rumourValues(sym)
	f.dests = x.endsInUse(sym)
	if !overThere(id, sym) {
		f.runtime = sym.Runtime
		x.blameByWord(f, sym)
	}
	f.quote(sym)
	x.cureByWord(f, sym)
	return f
}

// sort divides the other suspects into what would bring this one about and its
// rivals. What would follow from it is told nowhere.
func (r *rumour) sort(id string, ids []string) {
	for _, o := range ids {
		switch {
		case o == id:
		case slices.Contains(bringsAbout[id], o):
			r.causes = append(r.causes, o)
		case slices.Contains(bringsAbout[o], id):
		default:
			r.others = append(r.others, o)
		}
	}
}

// blameByWord blames the processes that logged the message, unless they only suffer.
func (x *examination) blameByWord(f *found, sym *host.Symptom) {
	if suspicions[f.id].victim {
		return
	}
	for _, pid := range sym.PIDs[:min(len(sym.PIDs), 5)] {
		b := blamed{pid: pid, ns: f.ns, share: 1 / float64(len(sym.PIDs)), by: "failed-calls", byState: map[string]int{}}
		if p := x.now.Processes[pid]; p != nil {
			b.name = p.Name
		}
		f.blamed = append(f.blamed, b)
	}
}

// refusalsMany is how often a connect() must be refused to be worth a warning: while a
// service starts its clients are refused a few times, and nothing is wrong. No source
// gives a number; ten is what a client makes in ten seconds that tries once a second.
const refusalsMany = 10

// breaksMany is how often established connections must break to be worth a warning:
// clients go away without a goodbye on any healthy server. No source gives a number, and
// how many connections went well a log does not say: it is set high, so that what is
// ordinary stays a notice.
const breaksMany = 100

// gravity is the severity of a finding that a message alone tells of.
func (x *examination) gravity(id string, sym *host.Symptom) Severity {
	switch strings.TrimPrefix(sym.Code, "WSA") {
	case "ECONNREFUSED":
		if mannerOf(id, sym) == refused && sym.Count < refusalsMany {
			return Notice
		}
	case "ECONNRESET", "EPIPE", "ECONNABORTED":
		if sym.Count < breaksMany {
			return Notice
		}
	}
	return suspicions[id].severity
}

// graver is the worse of two severities.
func graver(a, b Severity) Severity {
	if Worse(b, a) {
		return b
	}
	return a
}

// overThere reports whether a client's message tells of trouble in the program that it
// connects to: neither its process nor its runtime is that of the one to mend.
func overThere(id string, sym *host.Symptom) bool {
	return sym.Call == "connect" && (id == "accept-queue-overflow" || id == "never-accepted" || id == "application-cap")
}

// quote adds a message to the evidence.
func (f *found) quote(sym *host.Symptom) {
	n := 0
	for _, fc := range f.facts {
		if fc.heard != nil {
			n++
		}
	}
	if n < messagesTold {
		f.facts = append(f.facts, fact{heard: sym, value: float64(sym.Count), source: "log"})
	}
}
