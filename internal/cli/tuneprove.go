package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/ledger"
	"sockeye/internal/tune"
)

// proved watches the findings that the plan is for, and takes it back when they do
// not fall.
func proved(ctx context.Context, app App, o *applyOptions, t *tune.Tuner, e *ledger.Entry, sick symptoms, l *tuneTalk, out *applied) error {
	for _, w := range sick.waits {
		if w.Prove != "" {
			l.say("applied.slow", w)
		} else {
			l.say("applied.later", w)
		}
	}
	switch {
	case o.prove == 0 && sick.rank > 0:
		l.say("applied.not-watched", nil)
		return noted(ctx, o, t, e, "not-watched", l, out)
	case sick.rank == 0 && len(sick.waits) > 0:
		return noted(ctx, o, t, e, "later", l, out)
	case sick.rank == 0:
		l.say("applied.no-symptom", nil)
		return noted(ctx, o, t, e, "no-symptom", l, out)
	}
	line := lineOf(e)
	line.Why, line.Window = strings.Join(sick.ids, ", "), o.prove
	l.say("applied.watching", line)
	var last *diagnose.Report
	v, err := tune.Prove(ctx, o.prove, sick.rank, func(ctx context.Context) (int, error) {
		_, again, err := planFor(ctx, app, o.planOptions, l.book)
		if ctx.Err() != nil { // what a look says of that does not matter
			return 0, ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		last = again
		return worst(again, sick.ids), nil
	})
	line.Count, out.Looks = v.Looks, v.Looks
	if err == nil && v.Fell {
		if drifted := t.Disturbed(e.ID); len(drifted) > 0 {
			for _, d := range drifted {
				l.under("applied.drifted", line.drift(d))
			}
			l.say("applied.fell-disturbed", line)
			return noted(ctx, o, t, e, "disturbed", l, out)
		}
		l.say("applied.fell", line)
		out.Still = append(out.Still, sick.standing(last)...)
		if line.Why = strings.Join(out.Still, ", "); line.Why != "" {
			l.under("applied.still", line)
		}
		if sick.putsOff {
			l.under("applied.puts-off", nil)
		}
		return noted(ctx, o, t, e, "fell", l, out)
	}
	return takenBack(ctx, o, t, e, l, out, line, err)
}

// takenBack undoes what did not help, or what nobody could finish watching.
func takenBack(ctx context.Context, o *applyOptions, t *tune.Tuner, e *ledger.Entry, l *tuneTalk, out *applied, line entryLine, err error) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) // a second one must not end this half way
	ended := "not-fallen"
	if err != nil {
		ended = "canceled"
	} else if len(t.Disturbed(e.ID)) > 0 {
		ended = "disturbed"
	}
	u, undo := t.Rollback(context.WithoutCancel(ctx), e.ID, ended)
	if u != nil {
		sayUndone(l, u)
	}
	switch {
	case errors.Is(undo, tune.ErrNotInForce):
		out.Outcome = "taken-back"
		l.say("applied.elsewhere", line)
		return &exit{code: exitNothing}
	case errors.Is(undo, tune.ErrNotNoted):
		return changeFailed(undo)
	case undo != nil:
		return failed(errors.Join(err, fmt.Errorf("entry %d could not be taken back: %w", e.ID, undo)), fmt.Sprintf("sockeye tune rollback %d%s", e.ID, o.flag()))
	}
	out.Outcome = "taken-back"
	if err != nil {
		return changeFailed(err)
	}
	if ended == "disturbed" {
		out.Proof = &ended
	}
	l.say("applied."+ended, line)
	return &exit{code: exitNothing}
}

// noted writes down what came of watching.
func noted(ctx context.Context, o *applyOptions, t *tune.Tuner, e *ledger.Entry, proof string, l *tuneTalk, out *applied) error {
	out.Proof = &proof
	if err := t.Proven(context.WithoutCancel(ctx), e.ID, proof); err != nil {
		return failed(fmt.Errorf("entry %d is in force, but what came of watching could not be written down: %w", e.ID, err), fmt.Sprintf("the next run takes it back: sockeye tune rollback %d%s", e.ID, o.flag()))
	}
	return printed(l.err)
}

// symptoms are what shows whether a plan helped: the worst of the findings that it is
// for and that can fall while one watches. That a harmful value is set is proven by
// setting another, and is not watched.
type symptoms struct {
	ids    []string
	rank   int            // of ids, 0 when there is nothing to watch
	lesser map[string]int // other findings that it is for, with their rank
	waits  []entryLine    // changes that count only later: setting, finding, when

	putsOff bool // a program cures it, and the settings only put it off
}

// symptomsOf are the findings that were there when the plan was made. A finding that
// waits for a change which counts only later is not watched: that it stays would say
// nothing.
func symptomsOf(l *tuneTalk, plan tune.Plan, changes []tune.Change, rep *diagnose.Report, window time.Duration) symptoms {
	ranks, waits := map[string]int{}, map[string]bool{}
	s := symptoms{lesser: map[string]int{}}
	for _, c := range changes {
		rank := worst(rep, []string{c.Finding})
		if c.Finding == "" || c.Finding == "harmful-setting" || rank == 0 {
			continue
		}
		ranks[c.Finding] = rank
		if window > 0 && !c.ShowsWithin(window) {
			line := entryLine{}.change(c)
			if told, err := tune.Tell(l.book, c); err == nil {
				line.Why, line.Value = c.Finding, told.When
			}
			line.Prove = proofFor(c)
			waits[c.Finding], s.waits = true, append(s.waits, line)
		}
	}
	for id, rank := range ranks {
		if !waits[id] {
			s.rank = max(s.rank, rank)
		}
	}
	for id, rank := range ranks {
		switch {
		case waits[id]:
		case rank == s.rank:
			s.ids = append(s.ids, id)
		default:
			s.lesser[id] = rank
		}
	}
	slices.Sort(s.ids)
	s.putsOff = slices.ContainsFunc(plan.AtSource, func(a tune.AtSource) bool { return slices.Contains(s.ids, a.Finding) && !a.Cured() })
	return s
}

// proofFor is a --prove long enough for what a change does to show, in whole minutes; ""
// where none is.
func proofFor(c tune.Change) string {
	d, ok := c.Settles()
	for window := d.Truncate(time.Minute); ok && window <= maxProof; window += time.Minute {
		if c.ShowsWithin(window) {
			return fmt.Sprintf("%dm", int(window.Minutes()))
		}
	}
	return ""
}

// standing are the findings that are not watched and have not fallen.
func (s *symptoms) standing(now *diagnose.Report) (ids []string) {
	for id, rank := range s.lesser {
		if worst(now, []string{id}) >= rank {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// severityRanks are for comparing.
var severityRanks = map[diagnose.Severity]int{diagnose.Notice: 1, diagnose.Warning: 2, diagnose.Critical: 3}

// worst is how bad the worst of these findings is, 0 when none is there.
func worst(r *diagnose.Report, ids []string) (rank int) {
	for _, f := range r.Findings {
		if slices.Contains(ids, f.ID) {
			rank = max(rank, severityRanks[f.Severity])
		}
	}
	return rank
}
