package tune

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
)

// Input is what a plan rests on. It is only read.
type Input struct {
	Snapshot *host.Snapshot
	Report   *diagnose.Report // of that snapshot; nil where nobody examined it

	For     string  // a finding's id: plan as if it were there, and for nothing else
	Profile Profile // plan for what the machine is to do, whatever was found
	NetNS   uint64  // inode of the namespace to plan for; 0: the one Sockeye is in, else the initial one
}

// Profile is what a machine is to do.
type Profile string

// Profiles.
const (
	BusyClient Profile = "busy-client" // opens very many connections to few destinations
	Proxy      Profile = "proxy"       // that, and accepts as many
	Server     Profile = "server"      // accepts bursts of connections
	Database   Profile = "database"    // holds long-lived connections that are often idle
)

// Profiles returns them all.
func Profiles() []Profile { return []Profile{BusyClient, Proxy, Server, Database} }

// Make plans the smallest set of settings that helps this machine, in the order
// in which they are to be written: what serves the worst finding first, and of
// settings that belong together those that must come first.
func Make(in Input) Plan {
	m := &maker{in: in, ranks: map[string]int{}}
	m.plan = Plan{For: in.For, Profile: in.Profile, Changes: []Change{}, Left: []Left{}, ByHand: []Change{}, AtSource: []AtSource{}}
	if in.Snapshot == nil {
		return m.plan
	}
	if m.ns = in.space(); m.ns == nil {
		return m.plan
	}
	m.plan.NetNS, m.home = m.ns.Inode, in.Snapshot.Machine.InitialNetNS
	if in.Snapshot.Machine.OS == "windows" {
		m.windows()
	} else {
		for _, group := range []func(){m.harmful, m.ports, m.timeWait, m.queues, m.orphans, m.memory, m.perConnection, m.conntrack, m.neighbours, m.files, m.silence} {
			group()
		}
		m.classics()
	}
	m.atSource()
	slices.SortStableFunc(m.plan.Changes, func(a, b Change) int { return cmp.Compare(m.ranks[b.Setting], m.ranks[a.Setting]) })
	return m.plan
}

// space is the namespace to plan for, nil where it was not looked into.
func (in *Input) space() *host.NetNS {
	if in.NetNS != 0 {
		return in.Snapshot.Namespace(in.NetNS)
	}
	for _, ns := range in.Snapshot.Namespaces {
		if ns.Self {
			return ns
		}
	}
	if ns := in.Snapshot.Namespace(in.Snapshot.Machine.InitialNetNS); ns != nil {
		return ns
	}
	if len(in.Snapshot.Namespaces) > 0 {
		return in.Snapshot.Namespaces[0]
	}
	return nil
}

// maker collects a plan.
type maker struct {
	in    Input
	ns    *host.NetNS
	home  uint64 // inode of the initial namespace, 0 unknown
	plan  Plan
	ranks map[string]int // of the findings that changes serve, by setting
}

// want is a reason to change something.
type want struct {
	id    string
	rank  int                 // of the worst finding, as diagnose orders severities
	asIf  bool                // it is to be planned for, found or not: then the machine's size decides, and not only its present use
	found []*diagnose.Finding // in the report; with asIf there may be none
}

var ranks = map[diagnose.Severity]int{diagnose.Notice: 1, diagnose.Warning: 2, diagnose.Critical: 3}

// want tells whether a finding asks for help: it is in the report with this
// severity at least, or the plan is to be made for it. Nil: nobody asks.
func (m *maker) want(id string, least diagnose.Severity) *want {
	if m.in.Profile != "" || m.in.For != "" && m.in.For != id {
		return nil
	}
	w := &want{id: id, rank: ranks[diagnose.Warning], asIf: m.in.For == id}
	if m.in.Report != nil {
		for i := range m.in.Report.Findings {
			f := &m.in.Report.Findings[i]
			if f.ID == id && m.here(f) && (m.in.For == id || !diagnose.Worse(least, f.Severity)) {
				w.found = append(w.found, f)
				w.rank = max(w.rank, ranks[f.Severity])
			}
		}
	}
	if len(w.found) == 0 && !w.asIf {
		return nil
	}
	return w
}

// here reports whether a finding is of the namespace that is planned for, or of
// the whole machine.
func (m *maker) here(f *diagnose.Finding) bool {
	return f.NetNS == "" || f.NetNS == strconv.FormatUint(m.ns.Inode, 10)
}

// forProfile is a reason where one of these profiles was asked for, else nil.
func (m *maker) forProfile(any ...Profile) *want {
	if m.in.Profile == "" || !slices.Contains(any, m.in.Profile) {
		return nil
	}
	return &want{rank: ranks[diagnose.Notice], asIf: true}
}

// first returns the worst of some reasons, nil where there is none.
func first(all ...*want) *want {
	var worst *want
	for _, w := range all {
		if w != nil && (worst == nil || w.rank > worst.rank) {
			worst = w
		}
	}
	return worst
}

// value returns a setting as the kernel prints it.
func (m *maker) value(name string) (string, bool) {
	if s, ok := Lookup(name); ok && s.Scope == Host {
		if v, ok := m.in.Snapshot.System.Settings[name]; ok {
			return v, true
		}
		if home := m.in.Snapshot.Namespace(m.home); home != nil {
			if v, ok := home.Settings[name]; ok {
				return v, true
			}
		}
	}
	v, ok := m.ns.Settings[name]
	return v, ok
}

// number returns a setting that is one number, not ok where it is unknown.
func (m *maker) number(name string) (int64, bool) {
	text, ok := m.value(name)
	if !ok {
		return 0, false
	}
	return host.Settings{name: text}.Int(name)
}

// change plans a change, or says why it is left. A setting is changed once.
func (m *maker) change(w *want, c Change) bool {
	s, known := Lookup(c.Setting)
	now, told := m.value(c.Setting)
	c.NetNS, c.Scope, c.From, c.Finding = m.ns.Inode, s.Scope, now, w.id
	if s.Scope == Host {
		c.NetNS = m.home
	}
	switch _, twice := m.ranks[c.Setting]; {
	case twice:
	case !known || !told:
		m.left(c.Setting, "unknown", c.Values)
	case same(c.Setting, now, c.To):
		m.left(c.Setting, "right", c.Values)
	case s.Check(c.To) != nil || c.check() != nil:
		m.left(c.Setting, "out-of-bounds", c.Values)
	case s.Scope == Host && m.home == 0:
		m.left(c.Setting, "not-from-here", c.Values)
	default:
		m.plan.Changes = append(m.plan.Changes, c)
		m.ranks[c.Setting] = w.rank
		m.plan.Left = slices.DeleteFunc(m.plan.Left, func(l Left) bool { return l.Setting == c.Setting })
		return true
	}
	return false
}

// raise plans a larger number. What is as large already is left: no setting of
// this kind is ever lowered.
func (m *maker) raise(w *want, name string, to uint64, c Change) bool {
	now, ok := m.number(name)
	switch {
	case ok && now >= 0 && uint64(now) >= to:
		c.Values.Capacity = uint64(now)
		if c.Values.Memory > 0 && m.total() == 0 {
			m.left(name, "memory-unknown", c.Values)
		} else {
			m.left(name, "large-enough", c.Values)
		}
		return false
	case ok && now >= 0:
		c.Values.Capacity = uint64(now)
	}
	c.Setting, c.To = name, strconv.FormatUint(to, 10)
	return m.change(w, c)
}

// left notes why a setting stays as it is; the first reason stands.
func (m *maker) left(name, reason string, v Values) {
	if _, changed := m.ranks[name]; changed || slices.ContainsFunc(m.plan.Left, func(l Left) bool { return l.Setting == name }) {
		return
	}
	value, _ := m.value(name)
	m.plan.Left = append(m.plan.Left, Left{Setting: name, Value: value, Reason: reason, Values: v})
}

// total is the machine's memory in bytes, 0 unknown.
func (m *maker) total() uint64 { return m.in.Snapshot.System.Memory.Total.Value }

// within bounds a number of things by the memory that they may take together:
// that part of the machine's, each so many bytes. Where the memory is unknown
// nothing is more than what there is now.
func (m *maker) within(n, now, part, each uint64) uint64 {
	if total := m.total(); total > 0 {
		return min(n, total/part/each)
	}
	return min(n, now)
}

// powerOf2 is the least power of two that is not less.
func powerOf2(n uint64) uint64 {
	if n <= 1 {
		return 1
	}
	return 1 << min(bits.Len64(n-1), 62)
}

// limit finds how full a limit is, nil where the report does not list it.
func (m *maker) limit(id string, match func(*diagnose.Limit) bool) *diagnose.Limit {
	if m.in.Report == nil {
		return nil
	}
	inode := strconv.FormatUint(m.ns.Inode, 10)
	for i := range m.in.Report.Limits {
		l := &m.in.Report.Limits[i]
		if l.ID == id && (l.Scope.NetNS == "" || l.Scope.NetNS == inode) && (match == nil || match(l)) {
			return l
		}
	}
	return nil
}

// portList is a set of ports as the kernel prints it: in order, neighbours joined.
func portList(p *host.Ports) string {
	var list []string
	for at := 1; at <= 65535; at++ {
		if !p.Has(uint16(at)) {
			continue
		}
		end := at
		for end < 65535 && p.Has(uint16(end+1)) {
			end++
		}
		if text := strconv.Itoa(at); end > at {
			list = append(list, text+"-"+strconv.Itoa(end))
		} else {
			list = append(list, text)
		}
		at = end
	}
	return strings.Join(list, ",")
}
