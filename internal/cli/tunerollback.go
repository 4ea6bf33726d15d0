package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"

	"sockeye/internal/collect"
	"sockeye/internal/report"
	"sockeye/internal/tune"
)

func newTuneRollbackCmd(app App) *cobra.Command {
	var o tuneOptions
	var all bool
	var format string
	cmd := &cobra.Command{
		Use:   "rollback [ID]",
		Short: "Restore what was before",
		Long: `Rollback restores the settings as they were before an entry of 'sockeye tune status',
the file that keeps them over a restart included. A setting that somebody else changed
since is left alone, and named.

Exit codes: 0 done, 1 nothing to undo or refused, 2 usage, 3 failed, 130 interrupted: status shows
what is still in force.`,
		Example: `  sudo sockeye tune rollback 3
  sudo sockeye tune rollback --all       everything, the newest first
  sudo sockeye tune rollback --all --format json | jq '.undone[].drifted[]'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := bookOf(cmd, app)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("unknown format %q", format), "--format takes text or json")
			}
			var id uint64
			switch {
			case all == (len(args) > 0):
				return usage(errors.New("name one entry, or --all"), "'sockeye tune status' lists them")
			case !all:
				if id, err = strconv.ParseUint(args[0], 10, 64); err != nil || id == 0 {
					return usage(fmt.Errorf("%q is no number of an entry", args[0]), "'sockeye tune status' lists them")
				}
			}
			l := &tuneTalk{app: app, book: book, quiet: format == "json"}
			err = rollBack(cmd.Context(), o, l, id)
			if l.quiet {
				told := printed(report.AsJSON(app.Stdout, rolledBack{rollbackSchema, orNone(l.undone), why(err)}))
				if err == nil { // what happened to the machine counts, not to the pipe
					return told
				}
			}
			return err
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every entry that is in force, the newest first")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// rollBack undoes an entry, all of them where id is 0.
func rollBack(ctx context.Context, o tuneOptions, l *tuneTalk, id uint64) error {
	t, end, err := o.reader(l.book)
	if errors.Is(err, fs.ErrNotExist) {
		return &exit{code: exitNothing, err: errors.New("nothing was ever changed here"), hint: "'sockeye tune status' looks in " + o.state}
	}
	if err != nil {
		return err
	}
	defer end()
	// A reader that goes away (head) must not end this in the middle.
	signal.Ignore(syscall.SIGPIPE)
	t.Recovered = func(u *tune.Undone) { sayUndone(l, u) }
	if id == 0 {
		var undone []*tune.Undone
		undone, err = t.RollbackAll(ctx)
		for _, u := range undone {
			sayUndone(l, u)
		}
	} else {
		var u *tune.Undone
		if u, err = t.Rollback(ctx, id, ""); u != nil {
			sayUndone(l, u)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &exit{code: exitInterrupted, err: fmt.Errorf("interrupted, with %d taken back", len(l.undone)), hint: "'sockeye tune status' shows what is still in force"}
	case err != nil:
		return changeFailed(err)
	case len(l.undone) == 0:
		l.say("applied.none", nil)
		if l.err == nil {
			return &exit{code: exitNothing}
		}
	}
	return printed(l.err)
}

func sayUndone(l *tuneTalk, u *tune.Undone) {
	l.undone = append(l.undone, undoneOf(u))
	head := entryLine{ID: u.Entry, Count: len(u.Restored) + len(u.Units)}
	switch {
	case u.Err != nil && !errors.Is(u.Err, tune.ErrNotNoted):
		l.say("applied.not-undone", head)
	case head.Count == 0 && len(u.Drifted)+len(u.Gone) > 0:
		l.say("applied.undone-none", head)
	default:
		l.say("applied.undone", head)
	}
	for _, c := range u.Restored {
		l.under("applied.restored", head.change(c))
	}
	for _, c := range u.Units {
		l.under("applied.unit-forgotten", head.change(c))
	}
	for _, d := range u.Drifted {
		l.under("applied.drifted", head.drift(d))
		l.under("applied.by-hand", head.drift(d))
	}
	for _, c := range u.Gone {
		l.under("applied."+c.Why, head.change(c.Change))
	}
}

// drift tells of a value that somebody else changed, and how to set it back where it
// is: in a namespace of its own it takes more than sysctl.
func (l entryLine) drift(d tune.Drift) entryLine {
	l.Setting, l.From, l.To, l.Now, l.NetNS, l.Host = d.Setting, valueWord(d.Was), valueWord(d.Ours), valueWord(d.Now), d.NetNS, d.Host
	l.Command = tune.Change{Setting: d.Setting, To: d.Was}.Command()
	if own, ok, err := collect.NetNSOf("self"); d.Host || err == nil && ok && own == d.NetNS {
		return l
	}
	switch pid, name := collect.Resident(d.NetNS); {
	case pid > 0:
		l.Command = fmt.Sprintf("nsenter -t %d -n %s", pid, l.Command)
	case name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}):
		l.Command = "ip netns exec " + name + " " + l.Command
	default:
		l.Command = fmt.Sprintf("(network namespace %d) %s", d.NetNS, l.Command)
	}
	return l
}
