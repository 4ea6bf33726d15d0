package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
	"sockeye/internal/lab"
	"sockeye/internal/paste"
	"sockeye/internal/symptom"
)

// saidJSON is what this test reads of a report.
type saidJSON struct {
	Verdict string `json:"verdict"`
	Totals  struct {
		ByState map[string]int `json:"by_state"`
	} `json:"totals"`
	Limits   []limitJSON   `json:"limits"`
	Findings []findingJSON `json:"findings"`
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
					t.Logf("%d do not agree: %s", len(a.wrong), a.wrong[0])
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
	if played < len(lab.List()) || len(views) < len(allViews) || t.Failed() {
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
	book   *knowledge.Book
	asked  map[string]bool // findings that texts were to tell
	wrong  []string
}

func newAgreement(t *testing.T, r *ready, views []view) *agreement {
	t.Helper()
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	a := &agreement{t: t, r: r, book: book, asked: map[string]bool{}}
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

// explain judges a text as the command does, which has tests of its own; it would
// read its whole catalogue for each of some hundred texts.
func (a *agreement) explain(text []byte) (*saidJSON, []paste.Part) {
	a.t.Helper()
	scan := symptom.NewScanner(symptom.Options{Now: time.Now()})
	p, err := paste.Read(a.t.Context(), bytes.NewReader(text), paste.Options{Now: time.Now(), Other: scan.Line})
	if err != nil {
		a.t.Fatal(err)
	}
	rep, err := diagnose.Examine(diagnose.Input{Now: p.Snapshot, Symptoms: scan.Result()}, a.book)
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := json.Marshal(rep)
	if err != nil {
		a.t.Fatal(err)
	}
	said := &saidJSON{}
	if err := json.Unmarshal(out, said); err != nil {
		a.t.Fatal(err)
	}
	return said, p.Parts
}

// compare explains one text and weighs what it says.
func (a *agreement) compare(v *view, printed map[string][]byte) {
	a.t.Helper()
	text, before := v.text(printed), len(a.wrong)
	wrong := func(form string, args ...any) {
		a.wrong = append(a.wrong, v.name+": "+fmt.Sprintf(form, args...))
	}
	said, parts := a.explain(text)
	for _, p := range parts {
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
	if len(a.wrong) > before {
		wrong("this is what it says:\n%s", said)
	}
}

func (s *saidJSON) String() string {
	v := verdict{Verdict: s.Verdict, Findings: s.Findings}
	return strings.TrimSpace(v.String())
}
