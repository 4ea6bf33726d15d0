package cli

import (
	"encoding/json"
	"errors"

	"sockeye/internal/report"
	"sockeye/internal/tune"
)

// Contracts of what tune prints as JSON. They may grow, never change.
const (
	applySchema    = "sockeye.apply/v1"
	statusSchema   = "sockeye.tune-status/v1"
	rollbackSchema = "sockeye.rollback/v1"
)

// applied is what tune apply prints as JSON.
type applied struct {
	Schema    string          `json:"schema"`
	Plan      json.RawMessage `json:"plan"`    // "sockeye.plan/v1"
	Outcome   string          `json:"outcome"` // "nothing", "dry-run", "applied", "taken-back", or "failed": nothing of it was left in force, or error says so
	Entry     *uint64         `json:"entry"`   // to roll back; null: nothing was applied
	Watched   []string        `json:"watched"` // findings that were to fall
	Looks     int             `json:"looks"`
	Proof     *string         `json:"proof"`     // "fell", "later", "no-symptom", "not-watched", "disturbed"; null: it did not come so far
	Still     []string        `json:"still"`     // lesser findings that did not fall
	Later     []laterJSON     `json:"later"`     // changes that count only later
	Overrides []overrideJSON  `json:"overrides"` // who decides when the machine starts
	Undone    []undoneJSON    `json:"undone"`    // of this entry, or what an earlier run had left half done
	Error     *string         `json:"error"`
}

type laterJSON struct {
	Finding string `json:"finding"`
	Setting string `json:"setting"`
	When    string `json:"when"`  // in words
	Prove   string `json:"prove"` // a --prove that is long enough for it: "3m"; "" none is
}

type overrideJSON struct {
	Setting string `json:"setting"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Value   string `json:"value"`
	Only    string `json:"only"`  // who alone reads that file; "" both systemd-sysctl and sysctl --system
	Unset   bool   `json:"unset"` // the line takes the setting out
}

// undoneJSON is what became of the changes of an entry that was taken back.
type undoneJSON struct {
	Entry    uint64        `json:"entry"`
	Restored []tune.Change `json:"restored"` // "from" is in force again
	Units    []tune.Change `json:"units"`    // limits that their drop-ins no longer tell
	Drifted  []tune.Drift  `json:"drifted"`  // changed by somebody else, and left alone
	Gone     []tune.Lost   `json:"gone"`     // not in force any more, and why
	Error    *string       `json:"error"`    // what could not be undone: the entry stays open
}

// rolledBack is what tune rollback prints as JSON.
type rolledBack struct {
	Schema string       `json:"schema"`
	Undone []undoneJSON `json:"undone"`
	Error  *string      `json:"error"`
}

func newApplied() *applied {
	return &applied{Schema: applySchema, Outcome: "nothing", Watched: []string{}, Still: []string{}, Later: []laterJSON{}, Overrides: []overrideJSON{}, Undone: []undoneJSON{}}
}

// expect notes what is known before anything is changed.
func (a *applied) expect(over []entryLine, sick symptoms) {
	a.Watched = append(a.Watched, sick.ids...)
	for _, w := range sick.waits {
		a.Later = append(a.Later, laterJSON{w.Why, w.Setting, w.Value, w.Prove})
	}
	for _, o := range over {
		a.Overrides = append(a.Overrides, overrideJSON{o.Setting, o.File, o.Line, o.Value, o.Only, o.Unset})
	}
}

// print writes it, with the error that ended the run.
func (a *applied) print(app App, l *tuneTalk, err error) error {
	a.Undone = append(a.Undone, l.undone...)
	if a.Error = why(err); a.Error != nil && a.Entry == nil {
		a.Outcome = "failed"
	}
	if e := printed(report.AsJSON(app.Stdout, a)); err == nil { // what happened to the machine counts, not to the pipe
		return e
	}
	return err
}

// why is an error in words, nil where there is none to tell.
func why(err error) *string {
	var e *exit
	if err == nil || errors.As(err, &e) && e.err == nil {
		return nil
	}
	text := err.Error()
	return &text
}

func undoneOf(u *tune.Undone) undoneJSON {
	return undoneJSON{u.Entry, orNone(u.Restored), orNone(u.Units), orNone(u.Drifted), orNone(u.Gone), why(u.Err)}
}

// orNone makes nothing an empty list, which is no null in JSON.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
