package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sockeye/internal/cli"
	"sockeye/internal/lab"
)

// saidJSON is what this test reads of 'doctor' and of 'explain', --format json.
type saidJSON struct {
	Verdict string `json:"verdict"`
	Totals  struct {
		ByState map[string]int `json:"by_state"`
	} `json:"totals"`
	Limits   []limitJSON   `json:"limits"`
	Findings []findingJSON `json:"findings"`
	Read     []struct {
		Kind string `json:"kind"`
		Bad  int    `json:"bad"`
	} `json:"read"`
}

type limitJSON struct {
	ID    string `json:"id"`
	Scope struct {
		Laddr string `json:"laddr"`
		Lport int    `json:"lport"`
		Raddr string `json:"raddr"`
		Rport int    `json:"rport"`
		PID   int    `json:"pid"`
	} `json:"scope"`
	Used     *uint64 `json:"used"`
	Capacity uint64  `json:"capacity"`
}

// A picture moves between two looks; one that was caught at a bad moment is taken
// anew. What does not agree thrice does not agree.
const agreementTries = 3

// TestPasteAgreesWithLive lets the doctor examine every scenario of the lab, and
// 'explain' what the usual programs print of it at that moment. The text of each
// must say what the doctor says, as far as such text can show it, and nothing else.
func TestPasteAgreesWithLive(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays faults in private network namespaces")
	}
	views := viewsHere(t)
	var mu sync.Mutex
	asked, played := map[string]int{}, 0
	t.Run("lab", func(t *testing.T) {
		for _, sc := range lab.List() {
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				r := stand(t, sc.Name)
				var a *agreement
				for range agreementTries {
					a = newAgreement(t, r, views)
					if len(a.wrong) == 0 {
						break
					}
				}
				for _, w := range a.wrong {
					t.Error(w)
				}
				if t.Failed() {
					t.Logf("one glance:\n%s\ntwo looks:\n%s", a.glance, a.live)
				}
				mu.Lock()
				defer mu.Unlock()
				played++
				for id := range a.asked {
					asked[id]++
				}
			})
		}
	})
	if played < len(lab.List()) || t.Failed() {
		return
	}
	// What is asked of nobody is not tested.
	for id := range needed {
		if asked[id] == 0 {
			t.Errorf("no scenario shows %s", id)
		}
	}
}

// agreement is one comparison of a standing picture's texts with the live doctor.
type agreement struct {
	t      *testing.T
	r      *ready
	live   *saidJSON // two looks, and a tracer between them
	glance *saidJSON // one look, as a text is, a moment before the programs run
	after  *saidJSON // another, a moment after
	asked  map[string]bool
	wrong  []string
}

func newAgreement(t *testing.T, r *ready, views []view) *agreement {
	t.Helper()
	a := &agreement{t: t, r: r, asked: map[string]bool{}}
	a.live = a.doctor()
	a.glance = a.doctor("--sample", "0", "--no-trace")
	printed := capture(t, r, views)
	a.after = a.doctor("--sample", "0", "--no-trace")
	for _, v := range views {
		a.compare(&v, printed)
	}
	return a
}

func (a *agreement) doctor(more ...string) *saidJSON {
	a.t.Helper()
	args := append([]string{"doctor", "--format", "json", "--lang", "en", "--netns", strconv.Itoa(anyPID(a.r))}, more...)
	said := &saidJSON{}
	if err := json.Unmarshal(sockeye(a.t, args...), said); err != nil {
		a.t.Fatal(err)
	}
	return said
}

// compare explains one text and weighs what it says.
func (a *agreement) compare(v *view, printed map[string][]byte) {
	a.t.Helper()
	text := v.text(printed)
	wrong := func(form string, args ...any) {
		a.wrong = append(a.wrong, v.name+": "+fmt.Sprintf(form, args...))
	}
	var out, talk bytes.Buffer
	app := cli.App{Stdin: bytes.NewReader(text), Stdout: &out, Stderr: &talk, Getenv: func(string) string { return "" }, Width: 100}
	if code := cli.Run(context.Background(), []string{"explain", "--format", "json", "--lang", "en", "-"}, app); code != 0 {
		// Headings without a row, in which there would be numbers, are nothing to judge.
		if code != 3 || bytes.ContainsAny(text, "0123456789") {
			wrong("exit code %d: %s\n%s", code, talk.Bytes(), text[:min(len(text), 1000)])
		}
		return
	}
	said := &saidJSON{}
	if err := json.Unmarshal(out.Bytes(), said); err != nil {
		a.t.Fatal(err)
	}
	for _, p := range said.Read {
		if p.Bad > 0 {
			wrong("%d rows of %s are not understood", p.Bad, p.Kind)
		}
	}
	a.counts(v, said, wrong)
	for i := range said.Findings {
		if why := a.unfounded(&said.Findings[i]); why != "" {
			wrong("%s", why)
		}
	}
	for i := range a.glance.Findings {
		f := &a.glance.Findings[i]
		need, known := needed[f.ID]
		if !known {
			wrong("one glance says %s: name in needed what a text must hold to tell", f.ID)
			continue
		}
		if v.shows&need.facts != need.facts {
			continue
		}
		a.asked[f.ID] = true
		if why := unsaid(v, need, f, said); why != "" {
			wrong("%s: %s", f.ID, why)
		}
		a.limits(need.limit, said, wrong)
	}
	if a.r.Expect.Healthy && severityRank[said.Verdict] > severityRank["notice"] {
		wrong("verdict %q of a healthy scene", said.Verdict)
	}
	if len(a.wrong) > 0 && a.t.Failed() {
		a.t.Logf("%s says:\n%s", v.name, said)
	}
}

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
		bounded = bounded || len(live.Destinations) >= mostDestinations
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

// mostDestinations is how many a finding lists (diagnose.MaxDestinations): one
// that lists as many may have others.
const mostDestinations = 10

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
		case len(ends) > 0 && len(ends) < mostDestinations && !slices.Contains(endsOf(f), ends[0]):
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

func (s *saidJSON) String() string {
	v := verdict{Verdict: s.Verdict, Findings: s.Findings}
	return strings.TrimSpace(v.String())
}
