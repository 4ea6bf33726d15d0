package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
	"sockeye/internal/report"
	"sockeye/internal/tune"
)

// planOptions say what to plan for.
type planOptions struct {
	look    doctorOptions // how to examine the machine
	finding string
	profile string
}

// flags are those of everything that makes a plan.
func (o *planOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.finding, "for", "", "plan as if this finding were there (its id, such as port-exhaustion)")
	f.StringVar(&o.profile, "profile", "", "plan for what the machine is to do: "+profileNames())
	f.StringVar(&o.look.netns, "netns", "self", "network namespace: self, a NAME under /run/netns, or a PID")
	f.DurationVar(&o.look.sample, "sample", time.Second, "time between the two looks; 0 takes one glance")
	f.BoolVar(&o.look.noTrace, "no-trace", false, "do not watch connect() calls between the two looks")
}

const wideHelp = "list every finding that a program cures, and every setting that stays as it is"

func profileNames() string {
	var names []string
	for _, p := range tune.Profiles() {
		names = append(names, string(p))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func newTunePlanCmd(app App) *cobra.Command {
	var o planOptions
	var files tuneOptions
	var format string
	var wide bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "What to change, why, what it does not do, and how it will be proven",
		Long: `Plan looks at this machine as the doctor does, and computes the smallest set of settings
that helps with what it finds: each with its value now and the proposed one, the reason, what
it does not do, the risk, whose setting it is, when it takes effect and what will show that
it helped. It explains the settings that people change in vain, and the way back from those
that do harm. It changes nothing.

It plans for one network namespace, the one that it is started in unless --netns names another.`,
		Example: `  sudo sockeye tune plan
  sudo sockeye tune plan --netns 4711          the namespace of process 4711
  sockeye tune plan --for conntrack-full       as if that were found
  sockeye tune plan --profile busy-client      for what the machine is to do
  sockeye tune plan --format json | jq -r '.changes[].command'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("tune plan takes no argument, but here is %q", args[0]), "to plan for a finding: --for FINDING")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := bookOf(cmd, app)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("unknown format %q", format), "--format takes text or json")
			}
			plan, rep, err := planFor(cmd.Context(), app, o, book)
			if err != nil {
				return err
			}
			if format == "json" {
				return printed(report.PlanJSON(app.Stdout, plan, rep, book))
			}
			if err := report.PlanText(app.Stdout, plan, rep, book, report.TextOptions{Width: app.Width, Colour: colour(app), Wide: wide}); err != nil {
				return printed(err)
			}
			l := &tuneTalk{app: app, book: book}
			already(l, files, plan.NetNS)
			return printed(l.err)
		},
	}
	o.flags(cmd)
	files.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().BoolVar(&wide, "wide", false, wideHelp)
	return cmd
}

// planFor examines the machine and plans for it. The report is what the plan
// rests on.
func planFor(ctx context.Context, app App, o planOptions, book *knowledge.Book) (tune.Plan, *diagnose.Report, error) {
	if err := o.check(); err != nil {
		return tune.Plan{}, nil, err
	}
	if o.profile != "" {
		o.look.sample, o.look.noTrace = 0, true // what happens now does not matter
	}
	var progress io.Writer
	if app.StderrTTY && o.look.sample > 2*time.Second {
		progress = app.Stderr
	}
	in, err := observe(ctx, o.look, progress)
	if err != nil {
		return tune.Plan{}, nil, examineError(err)
	}
	in.Version = version
	rep, err := diagnose.Examine(*in, book)
	if err != nil {
		return tune.Plan{}, nil, failed(err, "")
	}
	ask := tune.Input{Snapshot: in.Now, Report: rep, For: o.finding, Profile: tune.Profile(o.profile)}
	if len(in.Now.Namespaces) == 1 {
		ask.NetNS = in.Now.Namespaces[0].Inode
	}
	return tune.Make(ask), rep, nil
}

func (o *planOptions) check() error {
	switch {
	case o.look.sample < 0 || o.look.sample > maxSample:
		return usage(fmt.Errorf("--sample %v is out of range", o.look.sample), "take 0 (one glance) to 10m")
	case o.look.netns == "all":
		return usage(errors.New("a plan is for one network namespace"), "--netns takes self, a name that 'ip netns list' shows, or a pid")
	case o.finding != "" && o.profile != "":
		return usage(errors.New("--for and --profile exclude each other"), "plan for one of them at a time")
	case o.finding != "" && !tune.Knows(o.finding):
		return usage(fmt.Errorf("unknown finding %q", o.finding), "'sockeye explain --list' lists the findings")
	case o.profile != "" && !slices.Contains(tune.Profiles(), tune.Profile(o.profile)):
		return usage(fmt.Errorf("unknown profile %q", o.profile), "--profile takes "+profileNames())
	}
	return checkNetNS(o.look.netns)
}
