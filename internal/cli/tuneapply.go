package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
	"sockeye/internal/ledger"
	"sockeye/internal/report"
	"sockeye/internal/tune"
)

// maxProof bounds how long a change may stay unproven.
const maxProof = 10 * time.Minute

type applyOptions struct {
	tuneOptions
	planOptions
	yes     bool
	persist bool
	prove   time.Duration
}

func newTuneApplyCmd(app App) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Change the settings of a plan, and prove that it helped",
		Long: `Apply makes the plan of 'sockeye tune plan', shows it, and changes nothing unless you say
yes (or --yes). What it is about to change is written down before it touches anything, each
value is read back, and then it watches the finding: when that does not fall within
--prove, everything is taken back. --persist keeps the settings over a restart, in one file
that tells its reasons.

Exit codes: 0 changed and proven (or nothing to watch), 1 nothing to change, refused, or
taken back, 2 usage, 3 failed: all is as it was before.`,
		Example: `  sudo sockeye tune apply                          what this machine needs now
  sudo sockeye tune apply --for port-exhaustion --yes --persist
  sudo sockeye tune apply --netns 4711 --yes       in the network namespace of process 4711`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := bookOf(cmd, app)
			if err != nil {
				return err
			}
			if o.prove < 0 || o.prove > maxProof {
				return usage(fmt.Errorf("cannot watch for %v", o.prove), fmt.Sprintf("--prove takes a time up to %v, 0 to watch nothing", maxProof))
			}
			return runTuneApply(cmd.Context(), app, &o, book)
		},
	}
	o.tuneOptions.flags(cmd)
	o.planOptions.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.yes, "yes", false, "change without asking")
	f.BoolVar(&o.persist, "persist", false, "keep the settings over a restart")
	f.DurationVar(&o.prove, "prove", time.Minute, "how long to watch whether the finding falls; 0 watches nothing")
	return cmd
}

func runTuneApply(ctx context.Context, app App, o *applyOptions, book *knowledge.Book) error {
	plan, rep, err := planFor(ctx, app, o.planOptions, book)
	if err != nil {
		return err
	}
	text := report.TextOptions{Width: app.Width, Colour: colour(app)}
	if err := report.PlanText(app.Stdout, plan, rep, book, text); err != nil {
		return printed(err)
	}
	l := &tuneTalk{app: app, book: book}
	if len(plan.Changes) == 0 {
		return &exit{code: exitNothing}
	}
	switch agreed, err := agree(ctx, app, l, len(plan.Changes), o.yes); {
	case err != nil:
		return err
	case !agreed:
		return printed(l.err)
	}
	t, end, err := o.tuner(book)
	if err != nil {
		return err
	}
	defer end()
	e, err := t.Apply(ctx, plan.Changes, o.persist)
	if err != nil {
		return changeFailed(err)
	}
	line := lineOf(e)
	line.Count = len(plan.Changes)
	l.say("applied.done", line)
	return proved(ctx, app, o, t, e, served(plan, rep), l)
}

// agree asks whether to go on; without a terminal, and without --yes, it was a dry run.
func agree(ctx context.Context, app App, l *tuneTalk, n int, yes bool) (bool, error) {
	if yes {
		return true, nil
	}
	if !app.StdoutTTY || !isTerminal(app.Stdin) {
		l.say("applied.dry", nil)
		return false, l.err
	}
	if ok, err := confirmed(ctx, app, sentence(l.book, "applied.ask", n)); ok || err != nil {
		return ok, err
	}
	l.say("applied.no", nil)
	return false, l.err
}

// proved watches the findings that the plan is for, and takes it back when they do
// not fall.
func proved(ctx context.Context, app App, o *applyOptions, t *tune.Tuner, e *ledger.Entry, sick symptoms, l *tuneTalk) error {
	switch {
	case sick.rank == 0:
		l.say("applied.no-symptom", nil)
		return noted(ctx, t, e, "no-symptom", l)
	case o.prove == 0:
		return noted(ctx, t, e, "not-watched", l)
	}
	line := lineOf(e)
	line.Why, line.At = strings.Join(sick.ids, ", "), o.prove.String()
	l.say("applied.watching", line)
	v, err := tune.Prove(ctx, o.prove, sick.rank, func(ctx context.Context) (int, error) {
		_, again, err := planFor(ctx, app, o.planOptions, l.book)
		if err != nil {
			return 0, err
		}
		return worst(again, sick.ids), nil
	})
	if line.Count = v.Looks; err == nil && v.Fell {
		l.say("applied.fell", line)
		return noted(ctx, t, e, "fell", l)
	}
	u, undo := t.Rollback(context.WithoutCancel(ctx), e.ID)
	if u != nil {
		sayUndone(l, u)
	}
	switch {
	case undo != nil:
		return failed(errors.Join(err, fmt.Errorf("entry %d could not be taken back: %w", e.ID, undo)), fmt.Sprintf("sockeye tune rollback %d", e.ID))
	case err != nil:
		return changeFailed(err)
	}
	l.say("applied.not-fallen", line)
	return &exit{code: exitNothing}
}

// noted writes down what came of watching.
func noted(ctx context.Context, t *tune.Tuner, e *ledger.Entry, proof string, l *tuneTalk) error {
	if err := t.Proven(context.WithoutCancel(ctx), e.ID, proof); err != nil {
		return changeFailed(err)
	}
	return printed(l.err)
}

// symptoms are the findings that a plan is for, and how bad the worst of them is.
type symptoms struct {
	ids  []string
	rank int
}

// served are the findings that were there when the plan was made.
func served(plan tune.Plan, rep *diagnose.Report) (s symptoms) {
	for _, c := range plan.Changes {
		if c.Finding != "" && !slices.Contains(s.ids, c.Finding) {
			s.ids = append(s.ids, c.Finding)
		}
	}
	s.rank = worst(rep, s.ids)
	return s
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
