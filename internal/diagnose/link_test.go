package diagnose

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sockeye/internal/knowledge"
)

func TestLink(t *testing.T) {
	holds := func(n uint64) knowledge.Values { return knowledge.Values{Count: n} }
	by := func(pid int32) []blamed { return []blamed{{pid: pid}} }
	to := []Destination{{"10.0.0.2", 80, 1}}
	for _, c := range []struct {
		name string
		all  []*found
		want [][]string
	}{
		{"same culprit", []*found{{id: "port-exhaustion", ns: 1, blamed: by(7)}, {id: "short-lived-connections", ns: 1, blamed: by(7)}},
			[][]string{{"short-lived-connections"}, nil}},
		{"same destination", []*found{{id: "port-exhaustion", ns: 1, dests: to}, {id: "short-lived-connections", ns: 1, dests: to}},
			[][]string{{"short-lived-connections"}, nil}},
		{"another namespace", []*found{{id: "port-exhaustion", ns: 1, blamed: by(7)}, {id: "short-lived-connections", ns: 2, blamed: by(7)}},
			[][]string{nil, nil}},
		{"strangers", []*found{{id: "port-exhaustion", ns: 1, blamed: by(7)}, {id: "short-lived-connections", ns: 1, blamed: by(8)}},
			[][]string{nil, nil}},
		{"the whole namespace", []*found{{id: "port-exhaustion", ns: 1, blamed: by(7)}, {id: "port-range-narrow", ns: 1, wide: true}},
			[][]string{{"port-range-narrow"}, nil}},
		{"no such effect", []*found{{id: "self-connect", ns: 1, blamed: by(7)}, {id: "port-exhaustion", ns: 1, blamed: by(7)}},
			[][]string{nil, nil}},
		{"two causes, in order, each once", []*found{
			{id: "short-lived-connections", ns: 1, blamed: by(7), dests: to}, {id: "port-range-narrow", ns: 1, wide: true},
			{id: "port-exhaustion", ns: 1, blamed: by(7), dests: to}, {id: "short-lived-connections", ns: 1, blamed: by(7)}},
			[][]string{nil, nil, {"port-range-narrow", "short-lived-connections"}, nil}},
		{"a trifle of the whole", []*found{{id: "file-table-full", wide: true, values: holds(100_000)}, {id: "close-wait-leak", ns: 1, values: holds(260)}},
			[][]string{nil, nil}},
		{"many trifles", []*found{{id: "file-table-full", wide: true, values: holds(1000)}, {id: "close-wait-leak", ns: 1, values: holds(60)}, {id: "close-wait-leak", ns: 1, values: holds(50)}},
			[][]string{{"close-wait-leak"}, nil, nil}},
		{"memory goes by the bytes of its culprits", []*found{
			{id: "tcp-memory-pressure", wide: true, values: holds(1 << 30), blamed: []blamed{{pid: 7, share: 0.9}, {pid: 8, share: 0.02}}},
			{id: "slow-reader", ns: 1, blamed: by(7), values: holds(12)}, {id: "slow-peer", ns: 1, blamed: by(8), values: holds(500)}},
			[][]string{{"slow-reader"}, nil, nil}},
		{"a reserve is no reader's doing", []*found{
			{id: "tcp-memory-pressure", wide: true, values: knowledge.Values{Count: 1 << 30, Kind: "reserve"}, blamed: []blamed{{pid: 7, share: 0.9}}},
			{id: "slow-reader", ns: 1, blamed: by(7), values: holds(12)}},
			[][]string{nil, nil}},
		{"what a rule knew", []*found{{id: "unreachable-destination", ns: 1, causes: []string{"accept-queue-overflow"}}, {id: "accept-queue-overflow", ns: 1}},
			[][]string{{"accept-queue-overflow"}, nil}},
		{"what a rule knew, but is not reported", []*found{{id: "unreachable-destination", ns: 1, causes: []string{"accept-queue-overflow"}}},
			[][]string{nil}},
	} {
		link(c.all)
		var got [][]string
		for _, f := range c.all {
			if len(f.causes) == 0 {
				f.causes = nil
			}
			got = append(got, f.causes)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// Consequences fold under their causes: in a circle everything would disappear.
func TestLinksNeverGoInCircles(t *testing.T) {
	ids := slices.Sorted(maps.Keys(bringsAbout))
	rapid.Check(t, func(t *rapid.T) {
		var all []*found
		for _, id := range rapid.SliceOfN(rapid.SampledFrom(ids), 1, 12).Draw(t, "findings") {
			all = append(all, &found{id: id, ns: 1, wide: rapid.Bool().Draw(t, "wide"),
				blamed: []blamed{{pid: int32(rapid.IntRange(1, 2).Draw(t, "culprit"))}}})
		}
		link(all)
		if !slices.ContainsFunc(all, func(f *found) bool { return len(f.causes) == 0 }) {
			t.Fatal("every finding is the consequence of another")
		}
	})
}

// An id without words is a slip of the pen.
func TestBringsAboutKnowsItsFindings(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for effect, causes := range bringsAbout {
		for _, id := range append([]string{effect}, causes...) {
			if _, err := book.Finding(id, &knowledge.Values{}); err != nil {
				t.Errorf("%s: %v", effect, err)
			}
		}
	}
}

func TestOrder(t *testing.T) {
	all := []*found{
		{id: "e", severity: Notice, certainty: Proven},
		{id: "d", severity: Warning, certainty: Possible},
		{id: "c", severity: Warning, certainty: Proven, causes: []string{"b"}},
		{id: "b", severity: Warning, certainty: Proven},
		{id: "a", severity: Critical, certainty: Likely},
	}
	order(all)
	got := ""
	for _, f := range all {
		got += f.id
	}
	if got != "abcde" {
		t.Errorf("order %q, want abcde: severe, certain, cause before effect", got)
	}
}

// TestSlowAcceptFillsBothQueues: cookies beside a full accept queue are its
// consequence and no attack of their own.
func TestSlowAcceptFillsBothQueues(t *testing.T) {
	full := &found{id: "accept-queue-overflow", ns: homeNS, severity: Critical}
	syn := &found{id: "syn-queue-pressure", ns: homeNS, severity: Warning, wide: true}
	elsewhere := &found{id: "syn-queue-pressure", ns: homeNS + 1, severity: Warning, wide: true}
	link([]*found{full, syn, elsewhere})
	if len(syn.causes) != 1 || syn.causes[0] != "accept-queue-overflow" {
		t.Errorf("causes %v, want accept-queue-overflow", syn.causes)
	}
	if len(elsewhere.causes) != 0 || len(full.causes) != 0 {
		t.Errorf("causes of another namespace %v and of the cause %v, want none", elsewhere.causes, full.causes)
	}
}
