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
	// exampleLong is how much of a log's line is quoted, in characters.
	exampleLong = 160
)

// byWord adds a finding that only messages tell of, or one more message to it.
func (x *examination) byWord(id string, ids []string, sym *host.Symptom, against bool, all []*found) []*found {
	for _, f := range all {
		if f.id == id && f.rumour != nil && f.rumour.os == x.systemOfMessage(sym) && (f.rumour.manner == mannerOf(id, sym) || mannerOf(id, sym) == unsaid) {
			f.quote(sym)
			if f.severity.rank() < x.gravity(id, sym).rank() {
				f.severity = x.gravity(id, sym)
			}
			return all
		}
	}
	return append(all, x.rumoured(id, ids, sym, against))
}

// rumour is a finding of which only messages tell.
type rumour struct {
	others  []string // further suspects
	causes  []string // what may have brought it about
	os      string   // the system that logged the messages, "" unknown
	against bool     // the table shows nothing of it, or speaks against the likeliest
	manner  string   // in which of several ways it happened; see mannerOf
}

// rumoured makes a finding of a message alone.
func (x *examination) rumoured(id string, ids []string, sym *host.Symptom, against bool) *found {
	sus := suspicions[id]
	r := &rumour{os: x.systemOfMessage(sym), against: against, manner: mannerOf(id, sym)}
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
	f := &found{id: id, severity: x.gravity(id, sym), certainty: Possible, ns: x.onlyNamespace(), wide: true, rumour: r}
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
	os := x.systemOfMessage(sym)
	cures := sus.curesOn(os)
	if limit, known := x.trackedMost(); known && id == "conntrack-full" {
		f.values.Capacity, f.values.Limit, cures = limit, limit*2, slices.Insert(slices.Clone(cures), min(1, len(cures)), "raise-conntrack")
	}
	if id == "neighbour-table-full" {
		f.values.Limit, f.values.Wanted = x.neighboursByWord(sym.Example)
	}
	if id == "accept-queue-overflow" || id == "syn-queue-pressure" {
		if sym.Call == "" {
			f.values.Lport = localPort(sym)
		}
		if f.values.Lport == 0 || len(x.spaces) == 0 { // it writes the port into a configuration
			cures = slices.DeleteFunc(slices.Clone(cures), func(id string) bool { return id == "larger-backlog" })
		} else {
			f.values.Wanted = x.spaces[0].longerBacklog(0)
		}
	}
	f.dests = x.endsInUse(sym)
	if !overThere(id, sym) {
		f.runtime = sym.Runtime
	}
	pids := sym.PIDs[:min(len(sym.PIDs), 5)]
	if sus.victim || overThere(id, sym) {
		pids = nil
	}
	for _, pid := range pids {
		b := blamed{pid: pid, ns: f.ns, share: 1 / float64(len(sym.PIDs)), by: "failed-calls", byState: map[string]int{}}
		if p := x.now.Processes[pid]; p != nil {
			b.name = p.Name
		}
		f.blamed = append(f.blamed, b)
	}
	f.quote(sym)
	if of, known := curesByManner[r.manner]; known {
		cures = of
	}
	if f.values.Raddr == "" || os != "linux" { // its commands are Linux', and ask for a route to an address
		cures = slices.DeleteFunc(slices.Clone(cures), func(id string) bool { return id == "check-destination" })
	}
	look := "look-again"
	switch os {
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

// The ways in which connect() does not get to a destination are told apart by the
// error: a refusal is an answer, and a router's "unreachable" is another one.
const (
	refused    = "-refused"
	unroutable = "-unroutable"
	unsaid     = "-unsaid" // the message does not tell
	unusable   = "-unusable"
)

// explainsNothing reports whether a finding must not be named as another one's cause: a
// mere guess, or attempts that end at once and keep no port that others would lack.
func (f *found) explainsNothing() bool {
	return f.rumour != nil && (f.certainty == Possible || f.rumour.manner == refused)
}

// curesByManner are the remedies where the manner asks for others than the finding.
var curesByManner = map[string][]string{
	refused:    {"find-listener", "backoff"},
	unroutable: {"check-destination", "backoff"},
}

// mannerOf is what is put behind a candidate's id to find its words: "" for the usual ones.
func mannerOf(id string, sym *host.Symptom) string {
	switch name := strings.TrimPrefix(sym.Code, "WSA"); {
	case id == "address-not-local" && sym.Call == "connect" && sym.OS == "windows":
		return unusable
	case id != "unreachable-destination":
		return ""
	case name == "ECONNREFUSED":
		return refused
	case name == "EHOSTUNREACH", name == "ENETUNREACH":
		return unroutable
	case name == "" || name == "EADDRNOTAVAIL":
		return unsaid
	}
	return ""
}

// candidateWords is how the keys of the words about a suspect begin.
const candidateWords = "candidate."

// CandidateKey is the key of the words about a finding that may be behind a message
// (".name", ".what" and ".tell" of it).
func CandidateKey(id string, sym *host.Symptom) string {
	return candidateWords + id + mannerOf(id, sym)
}

// refusalsMany is how often a connect() must be refused to be worth a warning: while a
// service starts its clients are refused a few times, and nothing is wrong.
const refusalsMany = 10

// breaksMany is how often established connections must break to be worth a warning:
// clients go away without a goodbye on any healthy server.
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
	v := knowledge.Values{Count: sym.Count, Call: sym.Call, Errno: sym.Errno, Lport: localPort(sym),
		Limit: doubled(0)}
	if sym.Call != "bind" && sym.Call != "listen" {
		v.Lport = 0
	}
	v.Dest = unknownEnd
	if sym.Call != "bind" && sym.Call != "listen" && sym.Call != "accept" && len(sym.Endpoints) > 0 && harmlessEnd(sym.Endpoints[0].Name) {
		end := sym.Endpoints[0]
		v.Dest = end.Name
		if end.Addr.IsValid() {
			v.Raddr, v.Rport = end.Addr.Addr().String(), end.Addr.Port()
		} else if _, port, ok := parted(end.Name); ok {
			v.Rport = port
		}
	}
	os := x.systemOfMessage(sym)
	v.Known = systemName(os)
	r, _ := x.usualRange(os)
	v.Low, v.High = r[0], r[1]
	for _, s := range x.spaces {
		if s.hasRange && !x.foreign(sym) {
			v.Low, v.High = s.low, s.high
		}
	}
	if v.NewLow, v.NewHigh = widerRange(v.Low, v.High); os != "linux" {
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

// sign says how to tell whether a suspect is it, in the words for the system where there
// are such: each system shows it by other means.
func (r *rumour) sign(key string, book *knowledge.Book, word func(string, any) string) string {
	if own, err := book.Word(key+".tell."+family(r.os), nil); err == nil {
		return own
	}
	return word(key+".tell", nil)
}

// rumourWords are the title and explanation of a finding that only messages tell of:
// a paragraph on each line, what may be behind it as a list ("- ").
func (x *examination) rumourWords(f *found, book *knowledge.Book) (w knowledge.FindingWords, err error) {
	word := func(key string, v any) (s string) {
		if err == nil {
			s, err = book.Word(key, v)
		}
		return s
	}
	key := candidateWords + f.id + f.rumour.manner
	what, name := word(key+".what", nil), word(key+".name", nil)
	w.Title = word("symptom.title", name)
	said := []string{what}
	if f.rumour.against {
		said = append(said, word("symptom.against", nil))
	}
	list := func(key string, ids []string) {
		if len(ids) > 0 {
			said = append(said, word(key, nil))
		}
		for _, id := range ids {
			said = append(said, "- "+word("symptom.item", struct{ Name, Tell string }{word(candidateWords+id+".name", nil), f.rumour.sign(candidateWords+id, book, word)}))
		}
	}
	if f.certainty != Proven {
		said = append(said, word("symptom.sign", f.rumour.sign(key, book, word)))
	}
	list("symptom.causes", f.rumour.causes)
	list("symptom.others", f.rumour.others)
	w.Explanation = strings.Join(said, "\n")
	return w, err
}
