package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// values is what several measurements come to; with an even number the median
// is the mean of the two in the middle.
type values struct{ least, median, most float64 }

// rangeOf sums measurements up; none give zeros.
func rangeOf(all []float64) values {
	if len(all) == 0 {
		return values{}
	}
	s := slices.Sorted(slices.Values(all))
	n := len(s)
	return values{s[0], (s[(n-1)/2] + s[n/2]) / 2, s[n-1]}
}

// measure is what one turn of a churn came to.
type measure struct {
	rate  float64 // connections per second
	cost  float64 // processor seconds of a connection: of both its ends and the tracer
	agent float64 // processors that the tracer's process took; 1 is one
}

// pairs is what turns with and without something come to.
type pairs struct {
	n     int
	ratio values  // of the rates, with to without, pair by pair
	rate  float64 // median with
	more  float64 // median of what a connection costs more, seconds
	agent float64 // median
}

// comparePairs compares with[i] to without[i]. What else runs on the machine
// changes the rates, but hardly what a connection costs.
func comparePairs(with, without []measure) pairs {
	n := min(len(with), len(without))
	var ratios, rates, more, agents []float64
	for i := range n {
		ratios = append(ratios, with[i].rate/without[i].rate)
		rates = append(rates, with[i].rate)
		more = append(more, with[i].cost-without[i].cost)
		agents = append(agents, with[i].agent)
	}
	return pairs{n, rangeOf(ratios), rangeOf(rates).median, rangeOf(more).median, rangeOf(agents).median}
}

// pairRow is a line of the table of a churn.
type pairRow struct {
	name     string
	pairs    pairs
	attached bool // there was a process
	lost     uint64
	left     string // why there are no pairs, or no more of them
}

func printPairs(w io.Writer, rows []pairRow) {
	fmt.Fprintf(w, "%-28s %8s %8s %8s %8s %9s %7s %8s %5s\n",
		"", "min", "median", "max", "conn/s", "µs/conn", "agent", "lost", "pairs")
	for _, r := range rows {
		if r.pairs.n == 0 {
			fmt.Fprintf(w, "%-28s not measured: %s\n", r.name, r.left)
			continue
		}
		agent, lost := "-", "-"
		if r.attached {
			agent, lost = percent(r.pairs.agent), thousands(int(r.lost))
		}
		fmt.Fprintf(w, "%-28s %8s %8s %8s %8s %+9.1f %7s %8s %5d\n", r.name,
			percent(r.pairs.ratio.least), percent(r.pairs.ratio.median), percent(r.pairs.ratio.most),
			thousands(int(r.pairs.rate)), 1e6*r.pairs.more, agent, lost, r.pairs.n)
	}
	for _, r := range rows {
		if r.pairs.n > 0 && r.left != "" {
			fmt.Fprintf(w, "%s %s\n", strings.TrimSpace(r.name), r.left)
		}
	}
}

// percent prints a share; a tenth of a percent is as good as it gets.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

// atLeast and atMost make goals of shares.
func atLeast(what string, got, least float64) goal {
	return goal{fmt.Sprintf("%s: at least %.0f %%", what, 100*least), percent(got), got >= least}
}

func atMost(what string, got, most float64) goal {
	return goal{fmt.Sprintf("%s: at most %.0f %%", what, 100*most), percent(got), got <= most}
}

// What the tracer must reach.
const (
	leastRate  = 0.97 // of the churn's rate without it
	mostAgent  = 0.05 // of a processor
	mostStacks = 0.02 // of what a connection costs
)

// churnGoals judges the tracer, and the same without stacks, on a churn whose
// connections cost that many seconds each without them.
func churnGoals(what string, top, plain pairRow, cost float64) []goal {
	if top.pairs.n == 0 {
		return []goal{{"trace --top on a " + what, "not measured", false}}
	}
	goals := []goal{
		atLeast(what+" with trace --top, throughput", top.pairs.ratio.median, leastRate),
		atMost(what+", trace --top's own processor time", top.pairs.agent, mostAgent),
		{what + ", aggregates lost: none", thousands(int(top.lost)), top.lost == 0},
	}
	if plain.pairs.n > 0 && cost > 0 {
		// Of two medians of ratios the noise would be most of the difference.
		goals = append(goals, atMost(what+", stacks, of what a connection costs", (top.pairs.more-plain.pairs.more)/cost, mostStacks))
	}
	return goals
}
