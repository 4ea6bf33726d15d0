package report

import (
	"slices"

	"sockeye/internal/diagnose"
)

// block is one root cause with the findings that it brings about: a sick
// machine shows many symptoms, and one of them is the disease.
type block struct {
	cause   *diagnose.Finding
	effects []*diagnose.Finding // most severe first
	also    []*diagnose.Finding // further causes of the same effects
}

// severity of a block is that of its worst part.
func (b block) severity() diagnose.Severity {
	if len(b.effects) > 0 && diagnose.Worse(b.effects[0].Severity, b.cause.Severity) {
		return b.effects[0].Severity
	}
	return b.cause.Severity
}

// worstFirst lists a block's findings as its headline does: first what hurts most.
func (b block) worstFirst() []*diagnose.Finding {
	out := append([]*diagnose.Finding{b.cause}, b.effects...)
	if diagnose.Worse(b.severity(), b.cause.Severity) {
		out[0], out[1] = out[1], out[0]
	}
	return append(out, b.also...)
}

// fold puts consequences under their causes. A finding goes under the first of
// its causes that is here and shares a destination or a culprit with it, else
// under the first that is here. Blocks keep the report's order of severity.
func fold(findings []diagnose.Finding) []block {
	under := make([]int, len(findings)) // index of the cause, -1 for a root
	for i := range findings {
		under[i] = parent(findings, i)
	}
	for i := range under { // a ring of causes has no root: break it at its first member
		seen := map[int]bool{}
		for j := i; j != -1; j = under[j] {
			if seen[j] {
				under[i] = -1
				break
			}
			seen[j] = true
		}
	}
	root := func(i int) int {
		for under[i] != -1 {
			i = under[i]
		}
		return i
	}
	index := map[int]int{}
	var blocks []block
	for i := range findings { // most severe first, so a block stands where its worst part does
		r := root(i)
		if r == i {
			if into := helpsCause(findings, under, i); into >= 0 {
				r = root(into)
			}
		}
		at, ok := index[r]
		if !ok {
			at = len(blocks)
			index[r] = at
			blocks = append(blocks, block{cause: &findings[r]})
		}
		switch {
		case i == r:
		case under[i] == -1:
			blocks[at].also = append(blocks[at].also, &findings[i])
		default:
			blocks[at].effects = append(blocks[at].effects, &findings[i])
		}
	}
	return blocks
}

// helpsCause finds, for a root that nothing stands under, the effect in another
// block that it brings about too; -1 when there is none.
func helpsCause(findings []diagnose.Finding, under []int, i int) int {
	if slices.Contains(under, i) {
		return -1
	}
	for j := range findings {
		if under[j] != -1 && slices.Contains(findings[j].Causes, findings[i].ID) &&
			(findings[i].NetNS == findings[j].NetNS || findings[i].NetNS == "" || findings[j].NetNS == "") {
			return j
		}
	}
	return -1
}

func parent(findings []diagnose.Finding, i int) int {
	f := &findings[i]
	fallback := -1
	for _, id := range f.Causes {
		for j := range findings {
			c := &findings[j]
			if j == i || c.ID != id || (c.NetNS != f.NetNS && c.NetNS != "" && f.NetNS != "") {
				continue
			}
			if related(f, c) {
				return j
			}
			if fallback == -1 {
				fallback = j
			}
		}
	}
	return fallback
}

func related(a, b *diagnose.Finding) bool {
	for _, d := range a.Destinations {
		if slices.ContainsFunc(b.Destinations, func(e diagnose.Destination) bool { return e.Addr == d.Addr && e.Port == d.Port }) {
			return true
		}
	}
	for _, c := range a.Culprits {
		if slices.ContainsFunc(b.Culprits, func(e diagnose.Culprit) bool { return e.PID == c.PID }) {
			return true
		}
	}
	return false
}
