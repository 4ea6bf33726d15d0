package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"charm.land/lipgloss/v2"
	"github.com/spf13/pflag"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/ledger"
	"sockeye/internal/tcp/filter"
)

// actOptions are what close and kill have in common.
type actOptions struct {
	format, state string
	dryRun, yes   bool
	limit         int
}

func (o *actOptions) addFlags(f *pflag.FlagSet, limit int, of string) {
	f.StringVar(&o.format, "format", "table", "table or json")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what it would hit, and do nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "do it without asking")
	f.IntVar(&o.limit, "limit", limit, "do nothing when more than N "+of+" match")
	f.StringVar(&o.state, "state", stateHere(), "directory that remembers what was done")
}

func (o *actOptions) check() error {
	switch {
	case o.format != "table" && o.format != "json":
		return usage(fmt.Errorf("unknown format %q", o.format), "--format takes table or json")
	case o.dryRun && o.yes:
		return usage(errors.New("--dry-run and --yes contradict one another"), "")
	case o.limit < 1:
		return usage(fmt.Errorf("--limit %d is out of range", o.limit), "take 1 or more")
	}
	return nil
}

// ledger opens the record of what was done.
func (o *actOptions) ledger(book *knowledge.Book) (*ledger.Ledger, error) {
	l, err := ledger.Open(o.state)
	switch {
	case err == nil:
		l.MayGo = mayGo
		return l, nil
	case errors.Is(err, ledger.ErrUnsafe):
		return nil, failed(err, sentence(book, "act.record.unsafe.hint", nil))
	case errors.Is(err, fs.ErrPermission):
		return nil, failed(err, sentence(book, "act.record.denied.hint", nil))
	}
	return nil, failed(err, sentence(book, "act.record.hint", nil))
}

// guard looks at who started this program.
func newGuard(book *knowledge.Book) (*act.Guard, error) {
	g, err := act.NewGuard()
	switch {
	case err == nil:
		return g, nil
	case errors.Is(err, act.ErrElsewhere):
		return nil, failed(err, sentence(book, "act.elsewhere.hint", nil))
	}
	return nil, failed(err, "")
}

// systemLog takes lines down in the log of the machine. That it takes none, or no
// more, is told once, on stderr; that a machine has none, as a container, is no news:
// the record has everything.
func systemLog(app App, book *knowledge.Book) (notice func(line string), end func()) {
	log, err := act.OpenLog()
	if err != nil {
		if !errors.Is(err, act.ErrNoLog) {
			noLog(app, book)
		}
		return nil, func() {}
	}
	silent := false
	notice = func(line string) {
		if silent {
			return
		}
		if err := log.Notice(line); err != nil {
			silent = true
			noLog(app, book)
		}
	}
	return notice, func() { _ = log.Close() }
}

// noLog says, where it can in faint letters, that the system log has nothing of it.
func noLog(app App, book *knowledge.Book) {
	before, after := "", ""
	if app.StderrTTY && app.Getenv("NO_COLOR") == "" && app.Getenv("TERM") != "dumb" {
		faint := around(lipgloss.NewStyle().Faint(true))
		before, after = faint[0], faint[1]
	}
	fmt.Fprint(app.Stderr, before)
	text, err := book.Word("act.no-log."+runtime.GOOS, nil) // where a system has its own reason
	if err != nil {
		text = sentence(book, "act.no-log", nil)
	}
	printNotes(app, book.Lang(), []note{{what: text}})
	fmt.Fprint(app.Stderr, after)
}

// overLimit says in a dry run that the deed would be refused.
func overLimit(app App, book *knowledge.Book, count, limit int) {
	if count > limit {
		text := sentence(book, "act.too-many.dry", struct{ Count, Limit int }{count, limit})
		printNotes(app, book.Lang(), []note{{what: text}})
	}
}

// nothingSeen ends a command whose filter selected no socket; where some could not
// be looked at, it does not claim that there is none.
func nothingSeen(p *picked, book *knowledge.Book, e filter.Expr) error {
	p.missMemory(asksMemory(e, nil))
	out := &exit{code: exitNothing, hint: p.hint, err: errorOf(book, "act.unseen", e.String())}
	switch {
	case isBlind(p.sn, "no-root"):
		out.hint = sentence(book, "act.unseen.hint", nil)
	case !isBlind(p.sn, "netns-unreachable"):
		return p.nothing(e)
	}
	return out
}

func isBlind(sn *host.Snapshot, code string) bool {
	return slices.ContainsFunc(sn.BlindSpots, func(b host.BlindSpot) bool { return b.Code == code })
}

// actFailed explains an error of the ledger or of the context, after results or
// instead of them: then nothing was done.
func actFailed(book *knowledge.Book, err error, untouched bool) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return &exit{code: exitInterrupted}
	case errors.Is(err, ledger.ErrBusy):
		return &exit{code: exitNothing, err: err, hint: sentence(book, "act.record.busy.hint", nil)}
	case untouched:
		return failed(err, sentence(book, "act.record.hint", nil))
	}
	return failed(err, "")
}
