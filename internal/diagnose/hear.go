package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

const (
	// heardShare is the part of the usable ports that must be taken for a message
	// about a missing port to be proven by the table beside it.
	heardShare = 0.8
	// messagesTold is how many messages one finding quotes.
	messagesTold = 5
	// suspectsTold is how many causes, and how many rivals, an explanation names.
	suspectsTold = 4
	// exampleLong is how much of a log's line is quoted, in characters.
	exampleLong = 160
)

// hear adds what a log's messages tell. A finding that the sockets show already
// is made surer by a message that it explains; a message that no socket explains
// makes a finding of its own, as sure as a message can be.
func (x *examination) hear(all []*found) []*found {
	for i := range x.told {
		if sym := &x.told[i]; sym.Count > 0 {
			all = x.explain(sym, all)
		}
	}
	x.leaksThatFill(all)
	return all
}

func (x *examination) explain(sym *host.Symptom, all []*found) []*found {
	ids := x.suspects(sym)
	if len(ids) == 0 {
		return all
	}
	rivals, causes := sorted(ids)
	for _, id := range rivals {
		if f := x.shown(id, sym, all); f != nil {
			return joined(all, f)
		}
	}
	if len(rivals) == 1 && suspicions[ids[0]].names {
		return x.byWord(ids[0], ids, sym, false, all)
	}
	for _, id := range causes {
		if f := x.shown(id, sym, all); f != nil {
			return joined(all, f)
		}
	}
	// Nothing shows it. Of the suspects the first that the table does not speak against.
	first := slices.IndexFunc(ids, func(id string) bool { return !x.disproved(id, sym) })
	x.contradicted = x.contradicted || first != 0
	return x.byWord(ids[max(first, 0)], ids, sym, first != 0, all)
}

// sorted divides the suspects of a message into the first with its rivals, and
// those that would bring the first about or follow from it.
func sorted(ids []string) (rivals, causes []string) {
	for i, id := range ids {
		if i > 0 && (slices.Contains(bringsAbout[ids[0]], id) || slices.Contains(bringsAbout[id], ids[0])) {
			causes = append(causes, id)
		} else {
			rivals = append(rivals, id)
		}
	}
	return rivals, causes
}

// shown returns the finding of a suspect that the sockets show, made surer by the
// message; nil where they do not.
func (x *examination) shown(id string, sym *host.Symptom, all []*found) *found {
	for _, f := range all {
		if f.id == id && f.rumour == nil && x.fits(f, sym) {
			x.confirm(f, sym)
			return f
		}
	}
	f := x.shownBy(id, sym)
	if f != nil {
		x.confirm(f, sym)
	}
	return f
}

// joined adds a finding that is not there yet.
func joined(all []*found, f *found) []*found {
	if slices.Contains(all, f) {
		return all
	}
	return append(all, f)
}

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
	f.dests = slices.DeleteFunc(x.endsOf(sym), func(d Destination) bool { return d.Sockets == 0 })
	f.runtime = sym.Runtime
	for _, pid := range sym.PIDs[:min(len(sym.PIDs), 5)] {
		b := blamed{pid: pid, ns: f.ns, name: "?", share: 1 / float64(len(sym.PIDs)), by: "failed-calls", byState: map[string]int{}}
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

// confirm joins a message to a finding that the sockets show.
func (x *examination) confirm(f *found, sym *host.Symptom) {
	f.quote(sym)
	if f.id == "nonpaged-pool" {
		return // free ports leave it over; that does not make it likely
	}
	sus := suspicions[f.id]
	switch {
	case sus.limit:
		f.certainty = Proven
	case f.certainty == Possible:
		f.certainty = Likely
	}
	if sus.severity.rank() > f.severity.rank() {
		f.severity = sus.severity
	}
}

// fits reports whether a finding is about what the message names: where both name
// destinations one must be the same.
func (x *examination) fits(f *found, sym *host.Symptom) bool {
	if f.values.Kind == "shared" || sym.Call == "bind" || sym.Call == "listen" || sym.Call == "accept" {
		return true
	}
	ends := x.endsOf(sym)
	if len(ends) == 0 || len(f.dests) == 0 {
		return true
	}
	return slices.ContainsFunc(ends, func(e Destination) bool {
		return slices.ContainsFunc(f.dests, func(d Destination) bool { return sameEnd(e, d) })
	})
}

// sameEnd reports whether an end of a message may be an end of a table: the same
// address, or the same port where either is written as a name.
func sameEnd(a, b Destination) bool {
	if a.Port != 0 && b.Port != 0 && a.Port != b.Port {
		return false
	}
	return a.Addr == b.Addr || !isAddress(a.Addr) || !isAddress(b.Addr)
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// parted divides what a message writes for an end at its last colon; ok is false
// where no port follows.
func parted(name string) (addr string, port uint16, ok bool) {
	at := strings.LastIndexByte(name, ':')
	if at < 0 {
		return "", 0, false
	}
	p, err := strconv.ParseUint(name[at+1:], 10, 16)
	return strings.Trim(name[:at], "[]"), uint16(p), err == nil
}

// endsOf are the destinations that a message names, with their sockets now.
func (x *examination) endsOf(sym *host.Symptom) (out []Destination) {
	if sym.Call == "bind" || sym.Call == "listen" || sym.Call == "accept" {
		return nil
	}
	for _, e := range sym.Endpoints {
		if len(out) == MaxDestinations {
			break
		}
		d := Destination{Addr: host.Printable(e.Name)}
		if e.Addr.IsValid() {
			d.Addr, d.Port = addrName(e.Addr.Addr()), e.Addr.Port()
		} else if addr, port, ok := parted(e.Name); ok {
			d.Addr, d.Port = host.Printable(addr), port
		}
		if d.Addr == "" {
			continue
		}
		for _, s := range x.spaces {
			for k, g := range s.groups {
				if k.remote == e.Addr {
					d.Sockets += g.total
				}
			}
		}
		out = append(out, d)
	}
	return out
}

// localPort is the port that a bind() or listen() was refused, 0 unknown.
func localPort(sym *host.Symptom) uint16 {
	for _, e := range sym.Endpoints {
		if e.Addr.IsValid() {
			return e.Addr.Port()
		}
		if _, port, ok := parted(e.Name); ok {
			return port
		}
	}
	return 0
}

// shownBy makes the finding that a message and the table show together, where the
// table alone says too little; nil where it does not.
func (x *examination) shownBy(id string, sym *host.Symptom) *found {
	switch id {
	case "port-exhaustion":
		return x.portsShown(sym)
	case "nonpaged-pool":
		return x.poolShown(sym)
	case "address-in-use":
		return x.listenerShown(sym)
	}
	return nil
}

// portsShown: a connect() found no port, and the table shows most of them taken.
func (x *examination) portsShown(sym *host.Symptom) *found {
	if sym.Call == "bind" || sym.Call == "listen" {
		return nil
	}
	for _, p := range x.shared {
		if p.share() >= heardShare {
			return x.sharedRunOut(p, Critical, Proven)
		}
	}
	for _, b := range x.accounts {
		if b.fullness() < heardShare || !x.names(sym, b) {
			continue
		}
		return x.portsRunOut(&pressed{budget: b, severity: Critical, certainty: Proven, shortage: shortage{taken: b.used + b.reuse, sure: Proven}})
	}
	return nil
}

// fullness is the part of its ports that a destination takes, those that
// tcp_tw_reuse would hand out again among them.
func (b *budget) fullness() float64 {
	if b.usable <= 0 {
		return 1
	}
	return float64(b.used+b.reuse) / float64(b.usable)
}

// names reports whether a message may be about an account's destination.
func (x *examination) names(sym *host.Symptom, b *budget) bool {
	ends := x.endsOf(sym)
	d := destination(b.group.key.remote, 0)
	return len(ends) == 0 || slices.ContainsFunc(ends, func(e Destination) bool { return sameEnd(e, d) })
}

// listenerShown: a service was refused its port, and the table shows who listens there.
func (x *examination) listenerShown(sym *host.Symptom) *found {
	port := localPort(sym)
	if port == 0 || sym.Call == "connect" {
		return nil
	}
	for _, s := range x.spaces {
		list := s.listening[port]
		if len(list) == 0 {
			continue
		}
		f := &found{id: "address-in-use", severity: Warning, certainty: Likely, ns: s.ns.Inode, blamed: x.blameListeners(list[:1], 1)}
		f.values = knowledge.Values{Kind: string(byListener), Count: sym.Count, Call: sym.Call, Lport: port, Laddr: endName(list[0].Local), Known: errnoName(errADDRINUSE), Errno: errADDRINUSE}
		f.values.Peer, f.values.PeerPID = x.peerOf(list[0])
		f.values.Process = f.values.Peer
		f.facts = append(f.facts, fact{key: string(byListener), value: 1, source: x.socketSource()})
		sus := suspicions[f.id]
		f.cures = sus.curesOn(x.os)
		return f
	}
	return nil
}

// disproved reports whether the table speaks against what a message may mean. A
// table that leaves sockets out says nothing by what it does not show.
func (x *examination) disproved(id string, sym *host.Symptom) bool {
	if len(x.now.Sockets) == 0 || x.partly() {
		return false
	}
	switch id {
	case "port-exhaustion", "port-range-narrow", "bind-port-exhaustion", "short-lived-connections":
		if len(x.shared) > 0 {
			return !slices.ContainsFunc(x.shared, func(p *sharedPool) bool { return p.share() >= portsAmple })
		}
		known := slices.ContainsFunc(x.spaces, func(s *space) bool { return s.hasRange })
		return known && !slices.ContainsFunc(x.accounts, func(b *budget) bool { return b.fullness() >= portsAmple && x.names(sym, b) })
	case "unconnected-socket-leak":
		return len(x.state(tcp.Bound)) > 0 // shown, and no finding was made of them
	case "close-wait-leak":
		return len(x.state(tcp.CloseWait)) == 0
	}
	return false
}

// manyCounted reports whether a text that only counts shows as many TIME_WAIT as
// a destination has ports.
func (x *examination) manyCounted() bool {
	if !x.countsOnly() {
		return false
	}
	r, known := defaultRanges[x.os]
	if !known {
		r = defaultRanges["linux"] // the wider of the common ones
	}
	return float64(x.now.Counted[tcp.TimeWait]) >= heardShare*float64(int(r[1])-int(r[0])+1)
}

// rumourValues are what remedies may say where no socket tells.
func (x *examination) rumourValues(sym *host.Symptom) knowledge.Values {
	v := knowledge.Values{Count: sym.Count, Call: sym.Call, Errno: sym.Errno, Known: systemName(x.os), Lport: localPort(sym),
		Limit:  doubled(0),
		Wanted: "net.ipv4.neigh.default.gc_thresh1=1024 net.ipv4.neigh.default.gc_thresh2=4096 net.ipv4.neigh.default.gc_thresh3=8192"}
	if sym.Call != "bind" && sym.Call != "listen" {
		v.Lport = 0
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

// leaksThatFill: what one glance shows unclosed is a leak when the log says that
// descriptors ran out (HEALTHY.md, thresholds).
func (x *examination) leaksThatFill(all []*found) {
	ranOut := slices.ContainsFunc(all, func(f *found) bool {
		return f.id == "fd-exhaustion" && slices.ContainsFunc(f.facts, func(fc fact) bool { return fc.heard != nil })
	})
	if !ranOut {
		return
	}
	for _, f := range all {
		switch f.id {
		case "close-wait-leak", "unconnected-socket-leak", "fin-wait-2-held":
			if f.severity == Notice && f.rumour == nil && f.values.Count >= closeWaitMany {
				f.severity, f.certainty = Warning, Likely
			}
		}
	}
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
