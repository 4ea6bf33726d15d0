package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"sockeye/internal/diagnose"
)

// counts compares how many sockets are in each state with the looks before and after.
func (a *agreement) counts(v *view, said *saidJSON, wrong func(string, ...any)) {
	states := maps.Clone(said.Totals.ByState)
	for s := range a.glance.Totals.ByState {
		states[s] += 0 // what the text lacks
	}
	for s, n := range states {
		if s == "BOUND" || s == "CLOSED" { // no table lists these, and lsof does not tell them apart
			continue
		}
		low, high := a.glance.Totals.ByState[s], a.after.Totals.ByState[s]
		low, high = min(low, high), max(low, high)
		moved := 3 + high/10 // of what comes and goes meanwhile
		if n > high+moved || v.shows&loose != 0 && n < low-moved {
			wrong("%d sockets in %s, the doctor counts %d to %d", n, s, low, high)
		}
	}
}

var certaintyRank = map[string]int{"possible": 1, "likely": 2, "proven": 3}

// unfounded says why a finding of a text is none that the doctor makes of the same
// machine, "" when it is one. It may be less severe and less certain.
func (a *agreement) unfounded(f *findingJSON) string {
	severity, certainty, same := 0, 0, false
	var pids []int
	var ends []string
	bounded := false
	for _, live := range slices.Concat(a.live.Findings, a.glance.Findings, a.after.Findings) {
		if live.ID != f.ID {
			continue
		}
		same = true
		severity, certainty = max(severity, severityRank[live.Severity]), max(certainty, certaintyRank[live.Certainty])
		for _, c := range live.Culprits {
			pids = append(pids, c.PID)
		}
		ends = append(ends, endsOf(&live)...)
		bounded = bounded || len(live.Destinations) >= diagnose.MaxDestinations
	}
	switch {
	case !same:
		return fmt.Sprintf("%s %s %s, the doctor does not say so", f.Severity, f.ID, f.Title)
	case severityRank[f.Severity] > severity || certaintyRank[f.Certainty] > certainty:
		return fmt.Sprintf("%s is %s and %s, of the doctor it is less", f.ID, f.Severity, f.Certainty)
	}
	for _, c := range f.Culprits {
		if c.PID != 0 && !slices.Contains(pids, c.PID) {
			return fmt.Sprintf("%s blames pid %d, the doctor blames %v", f.ID, c.PID, pids)
		}
	}
	for _, end := range endsOf(f) {
		if !bounded && !slices.Contains(ends, end) {
			return fmt.Sprintf("%s names %s, the doctor names %v", f.ID, end, ends)
		}
	}
	return ""
}

func endsOf(f *findingJSON) (ends []string) {
	for _, d := range f.Destinations {
		ends = append(ends, fmt.Sprint(d.Addr, " ", d.Port))
	}
	return ends
}

// unsaid says what is missing of a live finding in what a text says, "" when
// nothing is.
func unsaid(v *view, need need, live *findingJSON, said *saidJSON) (why string) {
	why = "is not said"
	for i := range said.Findings {
		f := &said.Findings[i]
		if f.ID != live.ID {
			continue
		}
		ends := endsOf(live)
		switch {
		case v.shows&need.sure == need.sure && severityRank[f.Severity] < severityRank[live.Severity]:
			why = fmt.Sprintf("is only %s, not %s", f.Severity, live.Severity)
		case len(ends) > 0 && len(ends) < diagnose.MaxDestinations && !slices.Contains(endsOf(f), ends[0]):
			why = fmt.Sprintf("goes to %v, not to %s", endsOf(f), ends[0])
		case v.shows&owners != 0 && len(live.Culprits) > 0 && (len(f.Culprits) == 0 || f.Culprits[0].PID != live.Culprits[0].PID):
			why = fmt.Sprintf("blames %v, not pid %d", f.Culprits, live.Culprits[0].PID)
		case v.shows&owners == 0 && slices.ContainsFunc(f.Culprits, func(c struct {
			PID     int    `json:"pid"`
			Process string `json:"process"`
		}) bool {
			return c.PID != 0 || c.Process != ""
		}):
			why = fmt.Sprintf("blames %v, whom the text does not show", f.Culprits)
		default:
			return ""
		}
	}
	return why
}

// limits compares the limits of one kind that are nearly reached.
func (a *agreement) limits(id string, said *saidJSON, wrong func(string, ...any)) {
	for _, l := range a.glance.Limits {
		if l.ID != id || l.Used == nil || float64(*l.Used) < 0.8*float64(l.Capacity) {
			continue
		}
		i := slices.IndexFunc(said.Limits, func(o limitJSON) bool { return o.ID == id && o.Scope == l.Scope })
		if i < 0 {
			wrong("the limit %s %+v is not told", id, l.Scope)
			continue
		}
		o := said.Limits[i]
		if o.Capacity != l.Capacity || o.Used == nil || math.Abs(float64(*o.Used)-float64(*l.Used)) > 3+0.1*float64(*l.Used) {
			wrong("the limit %s %+v is %s, the doctor says %s", id, l.Scope, o, l)
		}
	}
}

func (l limitJSON) String() string {
	if l.Used == nil {
		return fmt.Sprintf("? of %d", l.Capacity)
	}
	return fmt.Sprintf("%d of %d", *l.Used, l.Capacity)
}
