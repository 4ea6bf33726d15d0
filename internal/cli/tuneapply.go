package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/diagnose"
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
	dryRun  bool
	persist bool
	machine bool // also the whole machine's settings, from a namespace that was named
	format  string
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

With --yes it changes what belongs to the whole machine only where --netns names no other
namespace, or --machine-wide allows it.

Exit codes: 0 changed and proven (or nothing to watch), 1 nothing to change, refused, or
taken back, 2 usage, 3 failed (what is then in force is said), 130 interrupted and taken back.
Killed before it is proven, the next run takes it back.`,
		Example: `  sudo sockeye tune apply                          what this machine needs now
  sudo sockeye tune apply --for port-exhaustion --yes --persist
  sudo sockeye tune apply --netns 4711 --yes       in the network namespace of process 4711
  sudo sockeye tune apply --yes --format json | jq -r .outcome`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := bookOf(cmd, app)
			if err != nil {
				return err
			}
			if o.format != "text" && o.format != "json" {
				return usage(fmt.Errorf("unknown format %q", o.format), "--format takes text or json")
			}
			if o.dryRun && o.yes {
				return usage(errors.New("--dry-run and --yes contradict one another"), "")
			}
			if o.prove < 0 || o.prove > maxProof {
				return usage(fmt.Errorf("cannot watch for %v", o.prove), fmt.Sprintf("--prove takes a time up to %v, 0 to watch nothing", maxProof))
			}
			if least := 2*o.look.sample + time.Second; o.prove > 0 && o.prove < least {
				return usage(fmt.Errorf("cannot see in %v whether anything falls", o.prove), fmt.Sprintf("--prove takes %v at least, for two looks of --sample %v", least, o.look.sample))
			}
			l := &tuneTalk{app: app, book: book, quiet: o.format == "json"}
			out := newApplied()
			err = runTuneApply(cmd.Context(), app, &o, l, out)
			if l.quiet && out.Plan != nil {
				return out.print(app, l, err)
			}
			return err
		},
	}
	o.tuneOptions.flags(cmd)
	o.planOptions.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.wide, "wide", false, wideHelp)
	f.BoolVarP(&o.yes, "yes", "y", false, "change without asking")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what it would change, and do nothing")
	f.BoolVar(&o.machine, "machine-wide", false, "with --yes and --netns: also change what belongs to the whole machine")
	f.StringVar(&o.format, "format", "text", "text or json; json never asks")
	f.BoolVar(&o.persist, "persist", false, "keep the settings over a restart")
	f.DurationVar(&o.prove, "prove", time.Minute, "how long to watch whether the finding falls; 0 watches nothing")
	return cmd
}

// runTuneApply tells what happens through l, and notes it in out.
func runTuneApply(ctx context.Context, app App, o *applyOptions, l *tuneTalk, out *applied) error {
	// A reader that goes away (head) must not end this between a change and its proof.
	signal.Ignore(syscall.SIGPIPE)
	if o.yes {
		if err := o.begin(ctx, l); err != nil {
			return err
		}
	}
	plan, rep, err := planFor(ctx, app, o.planOptions, l.book)
	if err != nil {
		return err
	}
	changes := plan.Changes
	if o.persist {
		changes = plan.Lasting()
	}
	spaces, err := tune.Spaces(tune.Kernel(), changes) // those that are shown, whatever has their numbers later
	if err != nil {
		return changeFailed(err)
	}
	var over []entryLine // lines of other files that decide a change when the machine starts
	if o.persist && len(changes) > 0 {
		if over, err = o.persistable(changes, spaces); err != nil {
			return err
		}
	}
	if err := o.show(app, l, out, plan, rep); err != nil {
		return printed(err)
	}
	if len(changes) == 0 {
		l.say("applied.nothing", nil)
		return &exit{code: exitNothing}
	}
	if o.yes && o.elsewhere() && !o.machine {
		if c := machineWide(changes); c != "" {
			return &exit{code: exitNothing, err: fmt.Errorf("%s belongs to the whole machine, and --netns names one namespace of it: nothing was changed", c), hint: "to change it all the same: --machine-wide"}
		}
	}
	sick := symptomsOf(l, plan, changes, rep, o.prove)
	o.about(l, changes, sick)
	for _, line := range over {
		l.under("applied.override", line)
	}
	out.expect(over, sick)
	switch agreed, err := o.agree(ctx, app, l, len(changes), out); {
	case err != nil:
		return err
	case !agreed:
		return &exit{code: exitNothing}
	}
	t, end, err := o.tuner(l.book)
	if err != nil {
		return err
	}
	defer end()
	t.Recovered = func(u *tune.Undone) { sayUndone(l, u) }
	e, err := t.Apply(ctx, changes, spaces, tune.Options{Persist: o.persist, Prove: sick.rank > 0 && o.prove > 0})
	if err != nil {
		return changeFailed(err)
	}
	out.Outcome, out.Entry = "applied", &e.ID
	line := lineOf(e)
	line.Count, line.State = len(changes), o.flag()
	l.say("applied.done", line)
	for _, c := range changes {
		if c.Kind == tune.Systemd {
			l.under("applied.restart", line.change(c))
		}
	}
	return proved(ctx, app, o, t, e, sick, l, out)
}

// begin finishes what an earlier run left half done, before a plan is made of what is in
// force. Who may not change anything is told here, and not below a plan.
func (o *applyOptions) begin(ctx context.Context, l *tuneTalk) error {
	t, end, err := o.tuner(l.book)
	if err != nil {
		return err
	}
	defer end()
	t.Recovered = func(u *tune.Undone) { sayUndone(l, u) }
	switch _, err = t.Recover(ctx); {
	case errors.Is(err, ledger.ErrBusy), errors.Is(err, context.Canceled):
		return changeFailed(err)
	}
	return nil // what cannot be undone keeps only changes of the same settings
}

// show prints the plan.
func (o *applyOptions) show(app App, l *tuneTalk, out *applied, plan tune.Plan, rep *diagnose.Report) error {
	if l.quiet {
		var text bytes.Buffer
		err := report.PlanJSON(&text, plan, rep, l.book)
		out.Plan = text.Bytes()
		return err
	}
	return report.PlanText(app.Stdout, plan, rep, l.book, report.TextOptions{Width: app.Width, Colour: colour(app), Wide: o.wide})
}

// persistable makes sure before anything is shown that files could keep the changes,
// and finds who would decide them all the same. It makes no state directory: this may
// be a dry run.
func (o *applyOptions) persistable(changes []tune.Change, spaces []tune.Space) (over []entryLine, err error) {
	d, err := tune.NewDropIn(o.root)
	if err != nil {
		return nil, failed(err, "")
	}
	defer func() { _ = d.Close() }()
	t := &tune.Tuner{Machine: tune.Kernel(), DropIn: d}
	if err := t.Persistable(changes, spaces); err != nil {
		return nil, changeFailed(err)
	}
	for _, c := range changes {
		if c.Kind != "" { // refused where it is overridden
			continue
		}
		for _, v := range d.Overrides(c.Setting) {
			over = append(over, entryLine{}.change(c).override(v))
		}
	}
	return over, nil
}

// about says in a few lines what a yes would do, whatever has scrolled away.
func (o *applyOptions) about(l *tuneTalk, changes []tune.Change, sick symptoms) {
	l.blank()
	if o.yes {
		l.say("applied.changing", nil)
	} else {
		l.say("applied.about", nil)
	}
	settings := false
	for _, c := range changes {
		if c.Kind == tune.Systemd {
			l.under("applied.would-unit", entryLine{}.change(c))
			continue
		}
		settings = true
		l.under("applied.would", entryLine{}.change(c))
	}
	if o.persist && settings {
		l.under("applied.would-last", nil)
	}
	if sick.rank > 0 && o.prove > 0 {
		l.under("applied.would-watch", entryLine{Why: strings.Join(sick.ids, ", "), Window: o.prove})
	}
}

// elsewhere reports whether a namespace was named by which somebody else may be meant.
func (o *applyOptions) elsewhere() bool { return o.look.netns != "" && o.look.netns != "self" }

// machineWide is a change of the whole machine's, "" where there is none.
func machineWide(changes []tune.Change) string {
	for _, c := range changes {
		if c.Kind == "" && c.Scope == tune.Host {
			return c.Setting
		}
	}
	return ""
}

// agree asks whether to go on; without a terminal, and without --yes, it was a dry run.
func (o *applyOptions) agree(ctx context.Context, app App, l *tuneTalk, n int, out *applied) (bool, error) {
	if o.yes {
		return true, nil
	}
	out.Outcome = "dry-run"
	if o.dryRun || l.quiet || !app.StdoutTTY || !isTerminal(app.Stdin) {
		l.say("applied.dry", nil)
		return false, l.err
	}
	if err := agreed(ctx, app, l.book, sentence(l.book, "applied.ask", n)); err != nil {
		return false, err
	}
	return true, nil
}
