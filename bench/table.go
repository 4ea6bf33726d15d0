package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// goal is something that was promised, and what came of it.
type goal struct {
	what, got string
	reached   bool
}

// below makes a goal of a duration that must not be exceeded.
func below(what string, got, most time.Duration) goal {
	return goal{fmt.Sprintf("%s: at most %s", what, short(most)), short(got), got > 0 && got <= most}
}

// share makes a goal of one time as a part of another. Without the other there
// is nothing to reach.
func share(what string, got, whole time.Duration, part float64) (goal, bool) {
	if got <= 0 || whole <= 0 {
		return goal{}, false
	}
	ratio := float64(whole) / float64(got)
	return goal{fmt.Sprintf("%s: at least %.0f times as fast", what, part),
		fmt.Sprintf("%.0f times", ratio), ratio >= part}, true
}

func printGoals(w io.Writer, goals []goal) {
	if len(goals) == 0 {
		return
	}
	fmt.Fprintf(w, "\nGoals\n")
	for _, g := range goals {
		word := "missed "
		if g.reached {
			word = "reached"
		}
		fmt.Fprintf(w, "  %s  %-66s %s\n", word, g.what, g.got)
	}
}

// row is a line of the comparison.
type row struct {
	name   string
	spread spread
	runs   int
	ratio  float64 // of the median to the first row's; 0: unknown
	note   string  // what it saw, in a word or two
	amiss  string  // what it did not see
	left   string  // why there is nothing to print
}

func printRows(w io.Writer, rows []row) {
	fmt.Fprintf(w, "%-28s %8s %8s %8s %8s %7s %7s %4s  %s\n",
		"", "min", "median", "max", "cpu", "memory", "ratio", "runs", "saw")
	for _, r := range rows {
		if r.left != "" {
			fmt.Fprintf(w, "%-28s %s\n", r.name, r.left)
			continue
		}
		ratio := "-"
		if r.ratio > 0 {
			ratio = strconv.FormatFloat(r.ratio, 'f', 1, 64)
			if r.ratio >= 100 {
				ratio = strconv.FormatFloat(r.ratio, 'f', 0, 64)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-28s %8s %8s %8s %8s %7s %7s %4d  %s",
			r.name, short(r.spread.least), short(r.spread.median), short(r.spread.most), short(r.spread.cpu),
			megabytes(r.spread.peak), ratio, r.runs, r.note), " "))
	}
	for _, r := range rows {
		if r.amiss != "" {
			fmt.Fprintf(w, "%s %s\n", r.name, r.amiss)
		}
	}
}

// short prints a time with three digits that count.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f µs", float64(d)/1e3)
}

// megabytes prints bytes in MB, the unit of the goal (10⁶).
func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

// thousands prints a number with commas: a million is hard to tell from ten.
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
