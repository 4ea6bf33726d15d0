package cli

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
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
	wide    bool
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
			if least := 2*o.look.sample + time.Second; o.prove > 0 && o.prove < least {
				return usage(fmt.Errorf("cannot see in %v whether anything falls", o.prove), fmt.Sprintf("--prove takes %v at least, for two looks of --sample %v", least, o.look.sample))
			}
			return runTuneApply(cmd.Context(), app, &o, book)
		},
	}
	o.tuneOptions.flags(cmd)
	o.planOptions.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.wide, "wide", false, wideHelp)
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
	// A reader that goes away (head) must not end this between a change and its proof.
	signal.Ignore(syscall.SIGPIPE)
	spaces, err := tune.Spaces(tune.Kernel(), plan.Changes) // those that are shown, whatever has their numbers later
	if err != nil {
		return changeFailed(err)
	}
	if o.persist && len(plan.Changes) > 0 {
		if err := o.persistable(plan.Changes, spaces, book); err != nil {
			return err
		}
	}
	text := report.TextOptions{Width: app.Width, Colour: colour(app), Wide: o.wide}
	if err := report.PlanText(app.Stdout, plan, rep, book, text); err != nil {
		return printed(err)
	}
	l := &tuneTalk{app: app, book: book}
	if len(plan.Changes) == 0 {
		return &exit{code: exitNothing}
	}
	sick := served(plan, rep)
	o.about(l, plan, sick)
	switch agreed, err := agree(ctx, app, l, len(plan.Changes), o.yes); {
	case err != nil:
		return err
	case !agreed:
		return &exit{code: exitNothing}
	}
	t, end, err := o.tuner(book)
	if err != nil {
		return err
	}
	defer end()
	t.Recovered = func(u *tune.Undone) { sayUndone(l, u) }
	e, err := t.Apply(ctx, plan.Changes, spaces, o.persist)
	if err != nil {
		return changeFailed(err)
	}
	line := lineOf(e)
	line.Count = len(plan.Changes)
	l.say("applied.done", line)
	return proved(ctx, app, o, t, e, sick, l)
}

// persistable makes sure before anything is shown that a file could keep the changes.
func (o *applyOptions) persistable(changes []tune.Change, spaces []tune.Space, book *knowledge.Book) error {
	t, end, err := o.tuner(book)
	if err != nil {
		return err
	}
	defer end()
	if err := t.Persistable(changes, spaces); err != nil {
		return changeFailed(err)
	}
	return nil
}

// about says in a few lines what a yes would do, whatever has scrolled away.
func (o *applyOptions) about(l *tuneTalk, plan tune.Plan, sick symptoms) {
	l.say("applied.about", nil)
	for _, c := range plan.Changes {
		l.under("applied.would", entryLine{}.change(c))
	}
	if o.persist {
		l.under("applied.would-last", nil)
	}
	if sick.rank > 0 && o.prove > 0 {
		l.under("applied.would-watch", entryLine{Why: strings.Join(sick.ids, ", "), Window: o.prove})
	}
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
	line.Why, line.Window = strings.Join(sick.ids, ", "), o.prove
	l.say("applied.watching", line)
	v, err := tune.Prove(ctx, o.prove, sick.rank, func(ctx context.Context) (int, error) {
		_, again, err := planFor(ctx, app, o.planOptions, l.book)
		if ctx.Err() != nil { // what a look says of that does not matter
			return 0, ctx.Err()
		}
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

// symptoms are the worst of the findings that a plan is for: which, and how bad. That
// a harmful value is set is proven by setting another, and is not watched.
type symptoms struct {
	ids  []string
	rank int
}

// served are the findings that were there when the plan was made.
func served(plan tune.Plan, rep *diagnose.Report) (s symptoms) {
	for _, c := range plan.Changes {
		if c.Finding == "" || c.Finding == "harmful-setting" || slices.Contains(s.ids, c.Finding) {
			continue
		}
		switch rank := worst(rep, []string{c.Finding}); {
		case rank == 0 || rank < s.rank:
		case rank > s.rank:
			s.ids, s.rank = []string{c.Finding}, rank
		default:
			s.ids = append(s.ids, c.Finding)
		}
	}
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
