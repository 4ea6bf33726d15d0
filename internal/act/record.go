package act

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/ledger"
)

// Kinds of this package's entries in the ledger.
const (
	KindClose = "close"
	KindKill  = "kill"
)

// maxRecorded bounds an entry: of more than these only the number is taken down.
const maxRecorded = 500

// CloseRecord is the body of an entry about sockets.
type CloseRecord struct {
	Asked   string         `json:"asked"` // the filter, as it was read
	Sockets []SocketRecord `json:"sockets"`
	LeftOut int            `json:"left_out,omitempty"` // sockets that are not listed
	Totals  Totals         `json:"totals,omitempty"`   // of those that were tried so far, and at the end of all
}

// SocketRecord is one socket of an entry.
type SocketRecord struct {
	State   string  `json:"state"`
	Local   string  `json:"local"`
	Remote  string  `json:"remote"`
	NetNS   uint64  `json:"netns"`
	Cookie  uint64  `json:"cookie"`
	PID     int32   `json:"pid,omitempty"`
	Process string  `json:"process,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"` // "" before its turn
	Error   string  `json:"error,omitempty"`
}

// KillRecord is the body of an entry about processes. Their command lines are left
// out: they may hold passwords.
type KillRecord struct {
	Asked     string          `json:"asked"`
	Force     bool            `json:"force"`
	Grace     float64         `json:"grace_s"`
	Processes []ProcessRecord `json:"processes"`
	LeftOut   int             `json:"left_out,omitempty"`
	Totals    Totals          `json:"totals,omitempty"`
}

// ProcessRecord is one process of an entry.
type ProcessRecord struct {
	PID        int32   `json:"pid"`
	StartTicks uint64  `json:"start_ticks"`
	Process    string  `json:"process"`
	Exe        string  `json:"exe,omitempty"`
	Unit       string  `json:"unit,omitempty"`
	Outcome    Outcome `json:"outcome,omitempty"`
	Error      string  `json:"error,omitempty"`
}

// Totals counts outcomes.
type Totals map[Outcome]int

func totalsOf(results []Result) Totals {
	t := Totals{}
	for _, r := range results {
		t[r.Outcome]++
	}
	return t
}

// String lists them: "destroyed 3, gone 1".
func (t Totals) String() string {
	var parts []string
	for outcome, n := range t {
		parts = append(parts, fmt.Sprintf("%s %d", outcome, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// Bounds of what others wrote, in bytes of a record.
const (
	longestAsked = 4000
	longestName  = 60
	longestError = 200
)

// brief keeps what others wrote printable and short.
func brief(s string, most int) string {
	s = host.Printable(s[:min(len(s), most)])
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func briefError(err error) string {
	if err == nil {
		return ""
	}
	return brief(err.Error(), longestError)
}

func closeRecord(asked string, targets []Target) *CloseRecord {
	r := &CloseRecord{Asked: brief(asked, longestAsked), Sockets: []SocketRecord{}}
	for i := range targets[:min(len(targets), maxRecorded)] {
		s := &targets[i].Socket
		r.Sockets = append(r.Sockets, SocketRecord{
			State: s.State.String(), Local: s.Local.String(), Remote: s.Remote.String(),
			NetNS: s.NetNS, Cookie: s.Cookie, PID: s.PID, Process: brief(targets[i].Process, longestName),
		})
	}
	r.LeftOut = len(targets) - len(r.Sockets)
	return r
}

// sofar takes down what became of the first ones.
func (r *CloseRecord) sofar(results []Result) {
	r.Totals = totalsOf(results)
	for i := range r.Sockets[:min(len(r.Sockets), len(results))] {
		r.Sockets[i].Outcome, r.Sockets[i].Error = results[i].Outcome, briefError(results[i].Err)
	}
}

func (r *KillRecord) end(results []Result) {
	r.Totals = totalsOf(results)
	for i := range r.Processes {
		r.Processes[i].Outcome, r.Processes[i].Error = results[i].Outcome, briefError(results[i].Err)
	}
}

// ledgerPatience is how long to wait for another process that writes an entry.
const ledgerPatience = 5 * time.Second

// begin writes an entry. Numbers are given out under the lock; who holds it is
// done with it soon, and tells nobody when.
func begin(ctx context.Context, l *ledger.Ledger, kind string, body any) (*ledger.Entry, error) {
	unlock, err := l.LockWithin(ctx, ledgerPatience)
	switch {
	case errors.Is(err, ledger.ErrBusy), err != nil && errors.Is(err, ctx.Err()):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("cannot write the ledger in %s: %w", l.Dir(), err)
	}
	defer unlock()
	return l.Begin(kind, body)
}

func notice(to func(string), format string, args ...any) {
	if to != nil {
		to(host.Printable(fmt.Sprintf(format, args...)))
	}
}
