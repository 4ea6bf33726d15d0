package symptom

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"sockeye/internal/host"
)

// How much is kept of one kind of message, however many there are.
const (
	endsKept = 512
	endsTold = 10
	pidsKept = 64
)

// key is what makes messages the same.
type key struct{ id, code, call string }

type group struct {
	symptom  host.Symptom
	weight   int
	ends     map[string]*host.SymptomEnd
	pids     map[int32]struct{}
	runtimes map[host.Runtime]uint64
}

// occurrence is an error whose lines are not over yet.
type occurrence struct {
	verdict
	active   bool
	indented bool // its own line is
	lines    int  // that followed
	blank    int  // of these, the ones right behind it that are empty
	chained  bool // the last of them announces the cause of .NET's exception
	count    uint64
	number   uint64
	when     time.Time
	pid      int32
	place    place
	name     []byte // place.name's memory
	example  []byte
	frames   []string
}

func (s *Scanner) group(v *verdict) *group {
	k := key{code: v.name(), call: v.call}
	if k.call == "send" {
		k.call = ""
	}
	k.id = strings.ToLower(k.code)
	if v.message != nil {
		k.id = v.message.ID
	}
	g := s.groups[k]
	if g == nil {
		g = &group{weight: v.weight(), ends: map[string]*host.SymptomEnd{}, pids: map[int32]struct{}{}, runtimes: map[host.Runtime]uint64{}}
		g.symptom = host.Symptom{ID: k.id, Code: k.code, Call: k.call, Candidates: slices.Clone(v.candidates())}
		if v.code != nil && v.os != "windows" {
			g.symptom.Errno = v.code.Linux
		}
		s.groups[k] = g
	}
	return g
}

// flush counts the error whose lines are over.
func (s *Scanner) flush() {
	o := &s.pending
	if !o.active {
		return
	}
	o.active = false
	g := s.group(&o.verdict)
	t := &g.symptom
	if t.Count == 0 {
		t.Line, t.Example = o.number, s.printable(o)
	}
	t.Count += o.count
	if t.OS == "" {
		t.OS = o.os
	}
	if len(t.Frames) == 0 {
		t.Frames = o.frames
	}
	if o.runtime != "" {
		g.runtimes[o.runtime] += o.count
	}
	if !o.when.IsZero() {
		if t.First.IsZero() || o.when.Before(t.First) {
			t.First = o.when
		}
		if o.when.After(t.Last) {
			t.Last = o.when
		}
	}
	if o.pid > 0 && len(g.pids) < pidsKept {
		g.pids[o.pid] = struct{}{}
	}
	if len(o.place.name) > 0 {
		e := g.ends[string(o.place.name)]
		if e == nil && len(g.ends) < endsKept {
			name := strings.ToValidUTF8(string(o.place.name), "\uFFFD")
			e = &host.SymptomEnd{Name: name, Addr: o.place.addr}
			g.ends[string(o.place.name)] = e
		}
		if e != nil {
			e.Count += o.count
		}
	}
}

// Result returns what has been found so far, the weightiest first.
func (s *Scanner) Result() []host.Symptom {
	s.flush()
	groups := make([]*group, 0, len(s.groups))
	for _, g := range s.groups {
		g.finish()
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(a.symptom.Line, b.symptom.Line), strings.Compare(a.symptom.ID, b.symptom.ID), strings.Compare(a.symptom.Call, b.symptom.Call))
	})
	out := make([]host.Symptom, len(groups))
	for i, g := range groups {
		out[i] = g.symptom
	}
	return out
}

// rank weighs what an error means against how often it is: a dozen "no ports left"
// come before a thousand resets.
func (g *group) rank() float64 {
	return float64(g.weight) * (1 + math.Log10(float64(g.symptom.Count)))
}

// finish makes lists of what was gathered.
func (g *group) finish() {
	t := &g.symptom
	t.Endpoints, t.PIDs, t.Runtime = nil, nil, ""
	for _, e := range g.ends {
		t.Endpoints = append(t.Endpoints, *e)
	}
	slices.SortFunc(t.Endpoints, func(a, b host.SymptomEnd) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
	t.Endpoints = t.Endpoints[:min(len(t.Endpoints), endsTold)]
	for p := range g.pids {
		t.PIDs = append(t.PIDs, p)
	}
	slices.Sort(t.PIDs)
	var most uint64
	for r, n := range g.runtimes {
		if n > most || n == most && r < t.Runtime {
			most, t.Runtime = n, r
		}
	}
}
