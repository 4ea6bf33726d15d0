package diagnose

import (
	"slices"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

const (
	// messagesTold is how many messages one finding quotes.
	messagesTold = 5
	// suspectsTold is how many causes, and how many rivals, an explanation names.
	suspectsTold = 4
	// exampleLong is how much of a log's line is quoted, in characters.
	exampleLong = 160
)

// byWord adds a finding that only messages tell of, or one more message to it.
func (x *examination) byWord(id string, ids []string, sym *host.Symptom, against bool, all []*found) []*found {
	for _, f := range all {
		if f.id == id && f.rumour != nil {
			f.quote(sym)
			return all
		}
	}
	return append(all, x.rumoured(id, ids, sym, against))
}

// rumour is a finding of which only messages tell.
type rumour struct {
	others  []string // further suspects
	causes  []string // what may have brought it about
	against bool     // the table shows nothing of it, or speaks against the likeliest
}

// rumoured makes a finding of a message alone.
func (x *examination) rumoured(id string, ids []string, sym *host.Symptom, against bool) *found {
	sus := suspicions[id]
	r := &rumour{against: against}
	for _, o := range ids {
		switch {
		case o == id:
		case slices.Contains(bringsAbout[id], o):
			r.causes = append(r.causes, o)
		case slices.Contains(bringsAbout[o], id): // follows from it
		default:
			r.others = append(r.others, o)
		}
	}
	f := &found{id: id, severity: sus.severity, certainty: Possible, ns: x.onlyNamespace(), wide: true, rumour: r}
	switch {
	case against:
	case len(r.others) == 0 && sus.names:
		f.certainty = Proven
	case len(r.others) == 0, id == "port-exhaustion" && x.manyCounted():
		f.certainty = Likely
	}
	if f.certainty == Possible && f.severity == Critical {
		f.severity = Warning
	}
	f.values = x.rumourValues(sym)
	f.dests = x.endsInUse(sym)
	f.runtime = sym.Runtime
	for _, pid := range sym.PIDs[:min(len(sym.PIDs), 5)] {
		b := blamed{pid: pid, ns: f.ns, share: 1 / float64(len(sym.PIDs)), by: "failed-calls", byState: map[string]int{}}
		if p := x.now.Processes[pid]; p != nil {
			b.name = p.Name
		}
		f.blamed = append(f.blamed, b)
	}
	f.quote(sym)
	cures := sus.curesOn(x.os)
	look := "look-again"
	switch x.os {
	case "linux":
		look = "look-again-linux"
	case "windows":
		look = "look-again-windows"
	case "darwin", "freebsd":
		look = "look-again-bsd"
	}
	if f.certainty == Possible { // first see which it is
		f.cures = append([]string{look}, cures...)
	} else {
		f.cures = append(slices.Clone(cures), look)
	}
	return f
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

// unknownEnd stands in a command where the text names no address.
const unknownEnd = "ADDRESS:PORT"

// harmlessEnd: people copy commands, and a log's words are anybody's.
func harmlessEnd(name string) bool {
	return name != "" && len(name) <= 80 && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".:[]-_%", r)
	})
}

// rumourValues are what remedies may say where no socket tells.
func (x *examination) rumourValues(sym *host.Symptom) knowledge.Values {
	v := knowledge.Values{Count: sym.Count, Call: sym.Call, Errno: sym.Errno, Known: systemName(x.os), Lport: localPort(sym),
		Limit:  doubled(0),
		Wanted: "net.ipv4.neigh.default.gc_thresh1=1024 net.ipv4.neigh.default.gc_thresh2=4096 net.ipv4.neigh.default.gc_thresh3=8192"}
	if sym.Call != "bind" && sym.Call != "listen" {
		v.Lport = 0
	}
	v.Dest = unknownEnd
	if sym.Call == "connect" && len(sym.Endpoints) > 0 && harmlessEnd(sym.Endpoints[0].Name) {
		v.Dest = sym.Endpoints[0].Name
	}
	r := defaultRanges[x.os]
	v.Low, v.High = r[0], r[1]
	for _, s := range x.spaces {
		if s.hasRange {
			v.Low, v.High = s.low, s.high
		}
	}
	if v.NewLow, v.NewHigh = widerRange(v.Low, v.High); x.os != "linux" {
		v.NewLow, v.NewHigh = widerShared(v.Low, v.High)
	}
	return v
}

// message is what the sentence about a message may say.
type message struct {
	Example     string
	Count       uint64
	First, Last string // "" unknown
	Line        uint64
}

func messageOf(sym *host.Symptom) message {
	m := message{Example: cutText(host.Printable(strings.TrimSpace(sym.Example)), exampleLong), Count: sym.Count, Line: sym.Line,
		First: clockText(sym.First), Last: clockText(sym.Last)}
	if m.Example == "" {
		m.Example = sym.Code
	}
	return m
}

// cutText shortens a text to so many characters.
func cutText(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// clockText writes the time of a log's line, as much of it as the line tells:
// lines of syslog have no year.
func clockText(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Year() <= 1:
		return t.Format("01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// rumourWords are the title and explanation of a finding that only messages tell of.
func (x *examination) rumourWords(f *found, book *knowledge.Book) (w knowledge.FindingWords, err error) {
	word := func(key string, v any) (s string) {
		if err == nil {
			s, err = book.Word(key, v)
		}
		return s
	}
	what, name := word("candidate."+f.id+".what", nil), word("candidate."+f.id+".name", nil)
	w.Title = word("symptom.title."+string(f.certainty), name)
	said := []string{what}
	if f.rumour.against {
		said = append(said, word("symptom.against", nil))
	}
	list := func(key string, ids []string) {
		for _, id := range ids[:min(len(ids), suspectsTold)] {
			said = append(said, word(key, struct{ Name, Tell string }{word("candidate."+id+".name", nil), word("candidate."+id+".tell", nil)}))
		}
	}
	if f.certainty != Proven {
		said = append(said, word("symptom.sign", word("candidate."+f.id+".tell", nil)))
	}
	list("symptom.cause", f.rumour.causes)
	list("symptom.other", f.rumour.others)
	joint := " "
	if book.Lang() == "zh" { // which has no spaces between sentences
		joint = ""
	}
	w.Explanation = strings.Join(said, joint)
	return w, err
}
