package collect

import (
	"fmt"
	"strings"
	"sync"

	"sockeye/internal/host"
)

// blindness gathers what could not be seen. Many processes or namespaces that
// refuse in the same way are one spot with a count. The zero value is ready.
type blindness struct {
	mu    sync.Mutex // guards the two below
	spots []host.BlindSpot
	index map[spotKey]int // where in spots
}

type spotKey struct{ code, subject string }

// add notes one thing that was not seen; err may be nil. Of equal code and
// subject the first error's words are kept.
func (b *blindness) add(code, subject string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := spotKey{code, subject}
	if i, ok := b.index[key]; ok {
		b.spots[i].Count++
		return
	}
	spot := host.BlindSpot{Code: code, Subject: subject, Count: 1}
	if err != nil {
		spot.Err = err.Error()
	}
	if b.index == nil {
		b.index = make(map[spotKey]int)
	}
	b.index[key] = len(b.spots)
	b.spots = append(b.spots, spot)
}

// mostNamed is how many subjects of one kind are named.
const mostNamed = 3

// list returns what was noted, in the order it was first noted. What went wrong
// in the same way with several subjects is one spot that names the first of them.
func (b *blindness) list() []host.BlindSpot {
	b.mu.Lock()
	defer b.mu.Unlock()
	type alike struct{ code, err string }
	var out []host.BlindSpot
	at := make(map[alike]int)
	subjects := make(map[alike][]string)
	for _, spot := range b.spots {
		key := alike{spot.Code, spot.Err}
		subjects[key] = append(subjects[key], spot.Subject)
		if i, ok := at[key]; ok {
			out[i].Count += spot.Count
			continue
		}
		at[key] = len(out)
		out = append(out, spot)
	}
	for key, i := range at {
		out[i].Subject = together(subjects[key])
	}
	return out
}

// together names several subjects at once: "netns 1, 2, 3, … (12)".
func together(subjects []string) string {
	kind, _, ok := strings.Cut(subjects[0], " ")
	kind += " "
	for _, s := range subjects {
		ok = ok && strings.HasPrefix(s, kind)
	}
	var b strings.Builder
	for i, s := range subjects[:min(len(subjects), mostNamed)] {
		if i > 0 {
			b.WriteString(", ")
			if ok {
				s = s[len(kind):]
			}
		}
		b.WriteString(s)
	}
	if len(subjects) > mostNamed {
		fmt.Fprintf(&b, ", … (%d)", len(subjects))
	}
	return b.String()
}
