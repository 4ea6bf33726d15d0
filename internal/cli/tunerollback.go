package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"

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
since is left alone, and named.`,
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
				return errors.Join(err, printed(report.AsJSON(app.Stdout, rolledBack{rollbackSchema, orNone(l.undone), why(err)})))
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
	t.Recovered = func(u *tune.Undone) { sayUndone(l, u) }
	var undone []*tune.Undone
	if id == 0 {
		undone, err = t.RollbackAll(ctx)
	} else {
		var u *tune.Undone
		if u, err = t.Rollback(ctx, id); u != nil {
			undone = append(undone, u)
		}
	}
	for _, u := range undone {
		sayUndone(l, u)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &exit{code: exitNothing, err: fmt.Errorf("there is no entry %d", id), hint: "'sockeye tune status --all' lists them"}
	case err != nil:
		return changeFailed(err)
	case len(undone) == 0:
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
	l.say("applied.undone", head)
	for _, c := range u.Restored {
		l.under("applied.restored", head.change(c))
	}
	for _, c := range u.Units {
		l.under("applied.unit-forgotten", head.change(c))
	}
	for _, d := range u.Drifted {
		line := head
		line.Setting, line.From, line.To, line.Now = d.Setting, valueWord(d.Was), valueWord(d.Ours), valueWord(d.Now)
		l.under("applied.drifted", line)
		l.under("applied.by-hand", line)
	}
	for _, c := range u.Gone {
		l.under("applied.ended", head.change(c))
	}
}
