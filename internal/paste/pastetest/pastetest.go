package pastetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/paste"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// Given reads a text and returns what it held and the lines that were part of nothing.
func Given(t *testing.T, text string) (p *paste.Pasted, other []string) {
	t.Helper()
	p, err := paste.Read(t.Context(), strings.NewReader(text), paste.Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
	if err != nil {
		t.Fatal(err)
	}
	return p, other
}

// Told reads a text and returns, besides, the builder: it holds what no Snapshot
// shows; of what is no text at all both are empty. Bytes that are no UTF-8 stand for
// letters that were lost.
func Told(text string) (b *form.Builder, p *paste.Pasted, other []string) {
	s := paste.NewSession(paste.Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
	if err := s.Read(context.Background(), strings.NewReader(strings.ToValidUTF8(text, "\uFFFD")), "", 0, nil); err != nil && !errors.Is(err, paste.ErrNoText) {
		panic(err) // a string gives no other
	}
	p = s.Done()
	return s.Builder(), p, other
}

// TextOnly ends the trial of a text that is none, and fails that of any other error.
func TextOnly(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, paste.ErrNoText) {
		t.Skip("it is no text")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// NetNS is the one namespace of a text.
func NetNS(p *paste.Pasted) *host.NetNS { return p.Snapshot.Namespaces[0] }

// KindsOf are the kinds of a text's parts, in its order.
func KindsOf(p *paste.Pasted) (kinds []string) {
	for _, part := range p.Parts {
		kinds = append(kinds, part.Kind)
	}
	return kinds
}

// WantOpt checks a number that is known.
func WantOpt(t *testing.T, what string, got host.Opt, want uint64) {
	t.Helper()
	if !got.Known || got.Value != want {
		t.Errorf("%s is %+v, not %d", what, got, want)
	}
}

// BlindTo tells whether a blind spot is told, about that subject.
func BlindTo(p *paste.Pasted, code, subject string) bool {
	return slices.ContainsFunc(p.Snapshot.BlindSpots, func(s host.BlindSpot) bool { return s.Code == code && s.Subject == subject })
}

// Measure reads a text of so many rows over and over, and tells what one costs.
func Measure(b *testing.B, text string, rows int) {
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		p, err := paste.Read(b.Context(), strings.NewReader(text), paste.Options{})
		if err != nil || len(p.Snapshot.Sockets) != rows {
			b.Fatal(len(p.Snapshot.Sockets), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

// Read reads a text.
func Read(t testing.TB, text string) *paste.Pasted {
	t.Helper()
	p, err := paste.Read(context.Background(), strings.NewReader(text), paste.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Drawn is a snapshot of text in short lines, sorted: one for each socket.
func Drawn(t *testing.T, text string) (*paste.Pasted, []string) {
	t.Helper()
	p, err := paste.Read(context.Background(), strings.NewReader(text), paste.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i := range p.Snapshot.Sockets {
		s := &p.Snapshot.Sockets[i]
		owner := "-"
		if pr := p.Snapshot.Processes[s.PID]; pr != nil {
			owner = fmt.Sprintf("%s/%d", pr.Name, max(pr.PID, -1))
		}
		remote := "-"
		if s.Remote.IsValid() {
			remote = s.Remote.String()
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", s.Local, remote, s.State, owner))
	}
	slices.Sort(lines)
	return p, lines
}

// Reads checks that text is read as want, whole and by the kinds named.
func Reads(t *testing.T, text string, kinds string, want ...string) *paste.Pasted {
	t.Helper()
	p, got := Drawn(t, text)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("sockets:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var seen []string
	for _, part := range p.Parts {
		if part.Bad > 0 {
			t.Errorf("%s: %d bad lines, the first is %d", part.Kind, part.Bad, part.FirstBad)
		}
		if !slices.Contains(seen, part.Kind) {
			seen = append(seen, part.Kind)
		}
	}
	if got := strings.Join(seen, "+"); got != kinds {
		t.Errorf("taken for %q, want %q", got, kinds)
	}
	return p
}

// Sound checks what must hold of any text.
func Sound(t *testing.T, text []byte) {
	t.Helper()
	p, err := paste.Read(context.Background(), strings.NewReader(string(text)), paste.Options{})
	TextOnly(t, err)
	var rows uint64
	for _, part := range p.Parts {
		rows += part.Rows
		if part.First > part.Last || part.Last > p.Lines || part.Rows+part.Bad > p.Lines*2 {
			t.Errorf("impossible part %+v of %d lines", part, p.Lines)
		}
	}
	for i := range p.Snapshot.Sockets {
		s := &p.Snapshot.Sockets[i]
		if s.State >= tcp.NumStates {
			t.Errorf("state %d", s.State)
		}
		if s.PID != 0 && p.Snapshot.Processes[s.PID] == nil {
			t.Errorf("pid %d has no process", s.PID)
		}
	}
}
