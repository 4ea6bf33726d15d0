package paste

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
)

// given reads a text and returns what it held and the lines that were part of nothing.
func given(t *testing.T, text string) (p *Pasted, other []string) {
	t.Helper()
	p, err := Read(t.Context(), strings.NewReader(text), Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
	if err != nil {
		t.Fatal(err)
	}
	return p, other
}

// textOnly ends the trial of a text that is none, and fails that of any other error.
func textOnly(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrNoText) {
		t.Skip("it is no text")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// netns is the one namespace of a text.
func (p *Pasted) netns() *host.NetNS { return p.Snapshot.Namespaces[0] }

func kindsOf(p *Pasted) (kinds []string) {
	for _, part := range p.Parts {
		kinds = append(kinds, part.Kind)
	}
	return kinds
}

func wantOpt(t *testing.T, what string, got host.Opt, want uint64) {
	t.Helper()
	if !got.Known || got.Value != want {
		t.Errorf("%s is %+v, not %d", what, got, want)
	}
}

func blindTo(p *Pasted, code, subject string) bool {
	return slices.ContainsFunc(p.Snapshot.BlindSpots, func(s host.BlindSpot) bool { return s.Code == code && s.Subject == subject })
}
