package act

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sockeye/internal/ledger"
	"sockeye/internal/tcp"
)

// fake is a kernel that answers by cookie.
type fake struct {
	answers map[uint64]error // of destroy; nil: done
	alive_  map[uint64]bool  // afterwards
	lookErr error
	before  func(cookie uint64)
	closed  int
}

func (f *fake) destroy(s *tcp.Socket) error {
	if f.before != nil {
		f.before(s.Cookie)
	}
	return f.answers[s.Cookie]
}
func (f *fake) alive(s *tcp.Socket) (bool, error) { return f.alive_[s.Cookie], f.lookErr }
func (f *fake) close()                            { f.closed++ }

// targets are sockets with these cookies; 0 is any.
func targets(cookies ...uint64) (out []Target) {
	for _, c := range cookies {
		s := socketOf(tcp.CloseWait, "192.0.2.1:80", "198.51.100.9:5000", 812)
		if c != 0 {
			s.Cookie = c
		}
		out = append(out, Target{Socket: s, Process: "java"})
	}
	return out
}

func outcomes(results []Result) (out []Outcome) {
	for _, r := range results {
		out = append(out, r.Outcome)
	}
	return out
}

func openLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// lastEntry reads the newest entry and its body.
func lastEntry(t *testing.T, l *ledger.Ledger, body any) ledger.Entry {
	t.Helper()
	all, damaged := l.Entries()
	if len(all) == 0 || len(damaged) > 0 {
		t.Fatalf("%d entries, %v", len(all), damaged)
	}
	last := all[len(all)-1]
	if err := json.Unmarshal(last.Body, body); err != nil {
		t.Fatal(err)
	}
	return last
}

func TestOutcomes(t *testing.T) {
	f := &fake{
		answers: map[uint64]error{2: errNoSocket, 3: fmt.Errorf("%w: EPERM", ErrNotPermitted), 4: fmt.Errorf("%w: EOPNOTSUPP", ErrCannot), 6: errNoSocket},
		alive_:  map[uint64]bool{5: true, 6: true},
	}
	l := openLedger(t)
	c := &Closer{Ledger: l, open: func(uint64) (destroyer, error) { return f, nil }}
	_, results, err := c.Close(t.Context(), "state close-wait", targets(1, 2, 3, 4, 5, 6))
	want := []Outcome{Destroyed, Gone, Refused, Refused, StillThere, StillThere}
	if err != nil || !slices.Equal(outcomes(results), want) {
		t.Errorf("%v, %v, want %v", results, err, want)
	}
	if !errors.Is(results[2].Err, ErrNotPermitted) || !errors.Is(results[3].Err, ErrCannot) || f.closed != 1 {
		t.Errorf("%v, closed %d times", results, f.closed)
	}
	var body CloseRecord
	e := lastEntry(t, l, &body)
	if e.Kind != KindClose || e.Status != ledger.Done || body.Asked != "state close-wait" || body.Totals[StillThere] != 2 {
		t.Errorf("%+v, %+v", e, body)
	}
	if r := body.Sockets[2]; r.Cookie != 3 || r.Outcome != Refused || r.Error == "" || r.Process != "java" || r.Local != "192.0.2.1:80" {
		t.Errorf("%+v", r)
	}
}

// The entry stands there, with what is to be hit, before the first is.
func TestRecordComesFirst(t *testing.T) {
	l := openLedger(t)
	asked := 0
	f := &fake{before: func(cookie uint64) {
		asked++
		var body CloseRecord
		if e := lastEntry(t, l, &body); e.Status != ledger.Begun || len(body.Sockets) != 2 || body.Sockets[0].Cookie != 1 {
			t.Errorf("%+v, %+v", e, body)
		}
	}}
	c := &Closer{Ledger: l, open: func(uint64) (destroyer, error) { return f, nil }}
	if _, _, err := c.Close(t.Context(), "x", targets(1, 2)); err != nil || asked != 2 {
		t.Errorf("%v, %d asked", err, asked)
	}
}

// Without a record nothing is touched.
func TestNoRecordNoDeed(t *testing.T) {
	l := openLedger(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := &Closer{Ledger: l, open: func(uint64) (destroyer, error) {
		t.Error("it went on without an entry")
		return &fake{}, nil
	}}
	if _, results, err := c.Close(t.Context(), "x", targets(1)); results != nil || err == nil {
		t.Errorf("%v, %v", results, err)
	}
}

func TestInterruptedMidway(t *testing.T) {
	l := openLedger(t)
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{before: func(cookie uint64) {
		if cookie == 2 {
			cancel()
		}
	}}
	c := &Closer{Ledger: l, open: func(uint64) (destroyer, error) { return f, nil }}
	_, results, err := c.Close(ctx, "x", targets(1, 2, 3))
	if !errors.Is(err, context.Canceled) || !slices.Equal(outcomes(results), []Outcome{Destroyed, Destroyed, Untried}) {
		t.Errorf("%v, %v", results, err)
	}
	var body CloseRecord
	if e := lastEntry(t, l, &body); e.Status != ledger.Done || body.Totals[Untried] != 1 {
		t.Errorf("%+v", body)
	}
}

// A process that is killed tells nothing more: what was done by then stands in its
// record, which is still of one that has begun.
func TestRecordGrows(t *testing.T) {
	for _, tt := range []struct {
		name string
		pace time.Duration
		of   []int // how many were tried by then, as the record has it before each
	}{
		{"slowly", time.Minute, []int{0, 1, 2}},
		{"10 in a second", 100 * time.Millisecond, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 10}},
		{"at once", 0, append(make([]int, 50), 50)},
	} {
		l := openLedger(t)
		synctest.Test(t, func(t *testing.T) {
			var got []int
			f := &fake{before: func(uint64) {
				var body CloseRecord
				if e := lastEntry(t, l, &body); e.Status != ledger.Begun {
					t.Errorf("%+v", e)
				}
				n := 0
				for _, s := range body.Sockets {
					if s.Outcome == Destroyed {
						n++
					}
				}
				if body.Totals[Destroyed] != n || len(body.Totals) > 1 {
					t.Errorf("%d, %v", n, body.Totals)
				}
				got = append(got, n)
			}}
			c := &Closer{Ledger: l, Pace: tt.pace, open: func(uint64) (destroyer, error) { return f, nil }}
			if _, _, err := c.Close(t.Context(), "x", targets(make([]uint64, len(tt.of))...)); err != nil || !slices.Equal(got, tt.of) {
				t.Errorf("%s: %v, %v, want %v", tt.name, err, got, tt.of)
			}
		})
	}
}

// Nothing more is done once the record cannot be written.
func TestRecordIsLostMidway(t *testing.T) {
	l := openLedger(t)
	tried := 0
	f := &fake{before: func(uint64) {
		if tried++; tried == 2 {
			_ = l.Close()
		}
	}}
	synctest.Test(t, func(t *testing.T) {
		c := &Closer{Ledger: l, Pace: time.Minute, open: func(uint64) (destroyer, error) { return f, nil }}
		_, results, err := c.Close(t.Context(), "x", targets(1, 2, 3))
		if err == nil || !slices.Equal(outcomes(results), []Outcome{Destroyed, Destroyed, Untried}) {
			t.Errorf("%v, %v", results, err)
		}
	})
}

func TestLookUpFails(t *testing.T) {
	f := &fake{answers: map[uint64]error{2: errNoSocket}, lookErr: errors.New("lost")}
	c := &Closer{Ledger: openLedger(t), open: func(uint64) (destroyer, error) { return f, nil }}
	_, results, err := c.Close(t.Context(), "x", targets(1, 2))
	if err != nil || results[0].Outcome != Destroyed || results[1].Outcome != Gone || results[0].Err == nil || results[1].Err == nil {
		t.Errorf("%v, %v", results, err)
	}
}

// A namespace that cannot be entered is asked for once.
func TestNamespaceThatCannotBeEntered(t *testing.T) {
	opened := 0
	c := &Closer{Ledger: openLedger(t), open: func(uint64) (destroyer, error) {
		opened++
		return nil, ErrNotPermitted
	}}
	_, results, err := c.Close(t.Context(), "x", targets(1, 2, 3))
	if err != nil || opened != 1 || !slices.Equal(outcomes(results), []Outcome{Refused, Refused, Refused}) {
		t.Errorf("%v, %v, opened %d times", results, err, opened)
	}
}

func TestPace(t *testing.T) {
	l := openLedger(t)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		f := &fake{before: func(uint64) { at = append(at, time.Since(begin)) }}
		c := &Closer{Ledger: l, Pace: 100 * time.Millisecond, open: func(uint64) (destroyer, error) { return f, nil }}
		if _, _, err := c.Close(t.Context(), "x", targets(1, 2, 3)); err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond}; !slices.Equal(at, want) {
			t.Errorf("%v, want %v", at, want)
		}
	})
}

// Another process that writes an entry is waited for, but not for ever.
func TestLedgerIsBusy(t *testing.T) {
	dir := t.TempDir()
	open := func() *ledger.Ledger {
		l, err := ledger.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	mine, others := open(), open()
	synctest.Test(t, func(t *testing.T) {
		unlock, err := others.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := begin(t.Context(), mine, KindClose, 1); !errors.Is(err, ledger.ErrBusy) || time.Since(start) < ledgerPatience {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.AfterFunc(ledgerPatience/2, unlock)
		if e, err := begin(t.Context(), mine, KindClose, 1); err != nil || e.ID != 1 {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

// The record stays within what the ledger takes, whatever the machine has.
func TestRecordIsBounded(t *testing.T) {
	var many []Target
	for i := range 5000 {
		s := socketOf(tcp.FinWait2, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "[fe80::1111:2222:3333:4444%interface-name]:65535", 1<<30)
		s.Cookie = 1<<63 + uint64(i)
		many = append(many, Target{Socket: s, Process: strings.Repeat("\x1b", 400)})
	}
	f := &fake{answers: map[uint64]error{}}
	for i := range many {
		f.answers[many[i].Socket.Cookie] = errors.New(strings.Repeat("\x00", 400))
	}
	l := openLedger(t)
	c := &Closer{Ledger: l, open: func(uint64) (destroyer, error) { return f, nil }}
	if _, _, err := c.Close(t.Context(), strings.Repeat("x", 1<<20), many); err != nil {
		t.Fatal(err)
	}
	var body CloseRecord
	lastEntry(t, l, &body)
	if len(body.Sockets)+body.LeftOut != len(many) || body.LeftOut == 0 || body.Totals[Refused] != len(many) {
		t.Errorf("%d listed, %d left out, %v", len(body.Sockets), body.LeftOut, body.Totals)
	}
}
