package diagnose

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// found is what a rule returns: a finding before it has words.
type found struct {
	id        string
	severity  Severity
	certainty Certainty

	ns     uint64           // namespace, 0 for the whole host
	values knowledge.Values // of title, explanation and remedies
	facts  []fact
	blamed []blamed // culprits, most to blame first
	dests  []Destination
	cures  []string // ids of remedies, best first; empty ids are skipped
	causes []string // filled by link, or by a rule that knows

	// wide says that the finding concerns the namespace or the host as such, so
	// that causes are linked to it without sharing a culprit or a destination.
	wide bool

	rumour  *rumour      // only messages of a log tell of it; else nil
	runtime host.Runtime // of who is to blame, where no process tells

	// rests is how many of its connections a limit holds at a time, in the long
	// run, where they rest outside of the sockets that are counted here; else 0.
	rests uint64
}

// fact is one piece of evidence: which sentence of the finding's entry, its
// number, and where the number was read.
type fact struct {
	key    string
	value  float64
	source string
	values *knowledge.Values // nil: those of the finding
	heard  *host.Symptom     // a message of a log, in place of a sentence of the entry; else nil
}

// rule looks for one kind of finding; it returns one found for each occurrence.
type rule func(*examination) []*found

// in words turns a found into a Finding. A missing sentence is an error of the
// build (tests run every one), so it is told and not hidden.
func (x *examination) inWords(f *found, book *knowledge.Book) (Finding, error) {
	out := Finding{ID: f.id, Severity: f.severity, Certainty: f.certainty, NetNS: x.netns(f.ns),
		Causes: f.causes, Culprits: []Culprit{}, Destinations: f.dests, Evidence: []Evidence{}, Remedies: []Remedy{}}
	if out.Causes == nil {
		out.Causes = []string{}
	}
	if out.Destinations == nil {
		out.Destinations = []Destination{}
	}
	v := f.values
	runtime := f.runtime
	if len(f.blamed) > 0 {
		b := &f.blamed[0]
		v.PID, v.Process = max(b.pid, 0), host.Printable(b.name)
		p := x.processOf(b)
		if p != nil {
			runtime, v.Process = cmp.Or(p.Runtime, runtime), host.Printable(p.Name)
		} else {
			p = x.sameGroup(b.cgroup)
		}
		if p != nil {
			v.Unit = host.Printable(p.Unit)
			if p.Container != nil {
				v.Container = host.Printable(p.Container.Name)
			}
		}
	}
	if v.Dest == "" && len(f.dests) > 0 {
		v.Dest = destString(f.dests[0])
	}
	v.NetNS = x.netns(f.ns)
	v.Window = x.window
	if err := x.tell(f, &v, book, &out); err != nil {
		return out, err
	}
	for i := range f.blamed {
		out.Culprits = append(out.Culprits, x.culprit(&f.blamed[i]))
	}
	for _, id := range f.cures {
		if id == "" {
			continue
		}
		r, err := book.Remedy(id, runtime, &v)
		if err != nil {
			return out, err
		}
		out.Remedies = append(out.Remedies, Remedy{Kind: r.Kind, Title: r.Title, Detail: r.Detail,
			Command: Optional(x.inNamespace(f.ns, r.Command)), Effect: r.Effect, Risk: r.Risk})
	}
	return out, nil
}

// titleLong is the most characters that a title has.
const titleLong = 80

// tell fills in title, explanation and evidence. What was counted in a text that
// was cut is said to be "at least".
func (x *examination) tell(f *found, v *knowledge.Values, book *knowledge.Book, out *Finding) error {
	words, err := book.Finding(f.id, v)
	if f.rumour != nil {
		words, err = x.rumourWords(f, book)
	}
	if err != nil {
		return err
	}
	out.Title, out.Explanation = words.Title, words.Explanation
	bounded := false
	for _, fc := range f.facts {
		fv := *v
		if fc.values != nil {
			fv = *fc.values
		}
		fv.PID, fv.PeerPID = max(fv.PID, 0), max(fv.PeerPID, 0)
		s, err := "", error(nil)
		if fc.heard != nil {
			s, err = book.Word("symptom.message", messageOf(fc.heard))
		} else {
			s, err = book.Evidence(f.id, fc.key, &fv)
		}
		if err == nil && fc.heard == nil && x.atLeast(fc.source) {
			bounded = true
			s, err = book.Word("cut.fact", s)
		}
		if err != nil {
			return err
		}
		out.Evidence = append(out.Evidence, Evidence{Fact: s, Value: fc.value, Source: fc.source})
	}
	if bounded {
		title, err := book.Word("cut.title", out.Title)
		if err != nil {
			return err
		}
		if utf8.RuneCountInString(title) <= titleLong {
			out.Title = title
		}
	}
	return nil
}

// inNamespace makes a command act where the finding is: net.* settings, sockets
// and counters are those of the namespace a command runs in, and typed elsewhere
// it would change or show another's. For the namespace that Sockeye was started
// in, and for the host as a whole, the command stays as it is.
func (x *examination) inNamespace(ns uint64, command string) string {
	home := x.now.Namespace(ns)
	if command == "" || home == nil || home.Self || x.now.Source.Kind != host.Live {
		return command
	}
	var enter string
	switch {
	case home.Name != "":
		enter = "ip netns exec " + shellWord(home.Name) + " "
	case home.PID != 0:
		enter = "nsenter -t " + strconv.Itoa(int(home.PID)) + " -n "
	default:
		return command
	}
	lines := strings.Split(command, "\n")
	for i, l := range lines {
		first, _, _ := strings.Cut(strings.TrimSpace(l), " ")
		switch first {
		case "sysctl", "ss", "nstat", "ip", "conntrack", "nft", "iptables", "ping", "tcpdump":
			lines[i] = enter + strings.TrimSpace(l)
		}
	}
	return strings.Join(lines, "\n")
}

// shellWord quotes a word for a shell, unless it is plain.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(host.Printable(s), "'", `'\''`) + "'"
}

func (x *examination) culprit(b *blamed) Culprit {
	c := Culprit{PID: b.pid, Process: b.name, NetNS: x.netns(b.ns), Sockets: b.sockets, Share: b.share,
		ByState: b.byState, AttributedBy: b.by, Code: b.places.rows()}
	if b.coded() {
		c.StacksSampled, c.StacksOf, c.StacksOwn = whole(b.places.sampled), whole(b.places.of), b.places.own
	}
	if c.ByState == nil {
		c.ByState = map[string]int{}
	}
	p := x.processOf(b)
	if p != nil {
		c.Process, c.Exe, c.Cmdline = p.Name, Optional(p.Exe), Optional(host.CommandLine(p.Cmdline))
		c.User, c.Runtime = Optional(p.User), Optional(p.Runtime)
		if c.User == "" {
			c.User = Optional(strconv.FormatUint(uint64(p.UID), 10))
		}
	} else if p = x.sameGroup(b.cgroup); p == nil {
		return c
	}
	c.Unit = Optional(p.Unit)
	if p.Container != nil {
		c.Container = &Container{ID: p.Container.ID, Name: p.Container.Name, PodUID: p.Container.PodUID}
	}
	return c
}

// socketSource names where the sockets of the last look were read.
func (x *examination) socketSource() string { return x.now.Source.SocketsBy }

// netns is a namespace as the report names it: "" for that of a text, of which
// nobody knows which it was.
func (x *examination) netns(ns uint64) string {
	if x.pasted() {
		return ""
	}
	return inode(ns)
}

func inode(ns uint64) string {
	if ns == 0 {
		return ""
	}
	return strconv.FormatUint(ns, 10)
}

func destString(d Destination) string {
	switch {
	case d.Port == 0:
		return d.Addr
	case strings.Contains(d.Addr, ":"):
		return fmt.Sprintf("[%s]:%d", d.Addr, d.Port)
	}
	return fmt.Sprintf("%s:%d", d.Addr, d.Port)
}
