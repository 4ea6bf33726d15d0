package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"sockeye/internal/collect"
	"sockeye/internal/knowledge"
	"sockeye/internal/ledger"
	"sockeye/internal/tune"
)

// tuneOptions are what every command has that reads or writes the ledger.
type tuneOptions struct {
	state string // directory of the ledger
	root  string // below which the files are that persist settings
}

func (o *tuneOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.state, "state", stateHere(), "directory that remembers what was changed")
	f.StringVar(&o.root, "root", "/", "root below which etc/sysctl.d is")
	_ = f.MarkHidden("root")
}

// tuner opens what is needed to change the machine.
func (o *tuneOptions) tuner(book *knowledge.Book) (t *tune.Tuner, end func(), err error) {
	l, err := ledger.Open(o.state)
	if err != nil {
		return nil, nil, o.refused(err)
	}
	l.MayGo = mayGo
	return o.with(l, book)
}

// mayGo: what is at its end, and nothing that could still be taken back.
func mayGo(e *ledger.Entry) bool {
	return e.Status == ledger.Failed || e.Status == ledger.RolledBack || e.Status == ledger.Done && e.Kind != tune.Kind
}

// reader is tuner for those who only look; fs.ErrNotExist where nothing was ever
// changed.
func (o *tuneOptions) reader(book *knowledge.Book) (t *tune.Tuner, end func(), err error) {
	l, err := ledger.Read(o.state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, o.refused(err)
	}
	return o.with(l, book)
}

func (o *tuneOptions) with(l *ledger.Ledger, book *knowledge.Book) (*tune.Tuner, func(), error) {
	d, err := tune.NewDropIn(o.root)
	if err != nil {
		_ = l.Close()
		// Not as an error that says what there is not: that would be the ledger.
		return nil, nil, failed(errors.New("cannot open --root "+o.root+": "+err.Error()), "")
	}
	d.Describe = func(c tune.Change) []string { return reasons(book, c) }
	return &tune.Tuner{Machine: tune.Kernel(), Ledger: l, DropIn: d}, func() { _, _ = l.Close(), d.Close() }, nil
}

// reasons are the lines of comment that a file tells a change with.
func reasons(book *knowledge.Book, c tune.Change) []string {
	const width = 76
	told, err := tune.Tell(book, c)
	if err != nil {
		return []string{c.Reason}
	}
	return strings.Split(ansi.Wrap(told.Title+": "+told.Why, width, ""), "\n")
}

// refused says why the ledger cannot be used.
func (o *tuneOptions) refused(err error) error {
	switch {
	case errors.Is(err, ledger.ErrUnsafe):
		return failed(err, "whoever may write there could make sockeye undo what it never did; name another directory with --state")
	case errors.Is(err, fs.ErrPermission):
		return failed(fmt.Errorf("cannot open %s: %w", o.state, err), "run it as root")
	}
	return failed(fmt.Errorf("cannot open %s: %w", o.state, err), "")
}

// changeFailed says why a change was not made, and what to do.
func changeFailed(err error) error {
	refused := func(hint string) error { return &exit{code: exitNothing, err: err, hint: hint} }
	switch {
	case errors.Is(err, tune.ErrNotUndone):
		return failed(err, "its entry stays open, and every later run tries again; 'sockeye tune status' shows what is in force")
	case errors.Is(err, tune.ErrNotNoted):
		return failed(err, "make room in the state directory; the next 'sockeye tune rollback --all' closes the entry")
	case errors.Is(err, ledger.ErrBusy):
		return refused("wait until it has ended; only one changes this machine at a time")
	case errors.Is(err, tune.ErrChanged):
		return refused("nothing was changed; make a new plan")
	case errors.Is(err, tune.ErrUnexplained):
		return refused("nothing was changed; its entry is damaged, or of another --state directory: use that one, or move the file away")
	case errors.Is(err, tune.ErrForeignFile):
		return refused("nothing was changed; move that file away, or put back what Sockeye wrote")
	case errors.Is(err, tune.ErrNotKept):
		return refused("nothing was changed; apply without --persist, and let what makes the namespace set it")
	case errors.Is(err, tune.ErrOverridden):
		return refused("nothing was changed; set the limit in that file")
	case errors.Is(err, tune.ErrNotInForce):
		return refused("'sockeye tune status' shows what is in force")
	case errors.Is(err, tune.ErrNoEntry):
		return refused("'sockeye tune status --all' lists them")
	case errors.Is(err, tune.ErrLater):
		return refused("roll the later one back first, or --all")
	case errors.Is(err, syscall.EROFS):
		return failed(err, "nothing was changed; what the message names can only be read here (containers have /proc/sys so; --persist needs /etc)")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, collect.ErrNotPermitted):
		return failed(err, "nothing was changed; run it as root, on the machine and not in a container")
	case errors.Is(err, context.Canceled):
		return &exit{code: exitInterrupted, err: errors.New("interrupted: nothing of it is in force")}
	}
	return failed(err, "")
}

// tuneTalk writes lines about entries and their changes.
type tuneTalk struct {
	app    App
	book   *knowledge.Book
	quiet  bool         // JSON tells it at the end
	undone []undoneJSON // what was taken back meanwhile
	err    error
}

func (l *tuneTalk) say(key string, v any) { l.put("", key, v) }

// under says something about what was said before.
func (l *tuneTalk) under(key string, v any) { l.put("  ", key, v) }

func (l *tuneTalk) blank() {
	if !l.quiet {
		_, _ = fmt.Fprintln(l.app.Stdout)
	}
}

func (l *tuneTalk) put(indent, key string, v any) {
	if l.quiet {
		return
	}
	s, err := l.book.Word(key, v)
	if err == nil {
		_, err = fmt.Fprintln(l.app.Stdout, indent+l.fit(harmless(s), len(indent)))
	}
	if l.err == nil {
		l.err = err
	}
}

// fit breaks a line that is wider than a terminal, behind an indent. What goes into a
// file or a pipe stays one line.
func (l *tuneTalk) fit(s string, indent int) string {
	const deeper, least = 4, 40
	width := l.app.Width - indent
	if !l.app.StdoutTTY || width < least || ansi.StringWidth(s) <= width {
		return s
	}
	head, rest, _ := strings.Cut(ansi.Wrap(s, width-deeper, ""), "\n")
	margin := strings.Repeat(" ", indent+deeper)
	return head + "\n" + margin + strings.ReplaceAll(rest, "\n", "\n"+margin)
}

// entryLine is what sentences about an entry may say.
type entryLine struct {
	ID      uint64
	At      string
	By      string
	Asked   string // of close and kill: the filter or the pid
	Kind    string
	Status  string
	Setting string
	Unit    string // of systemd, whose drop-in has the setting
	From    string
	To      string
	Now     string
	File    string
	Line    int
	Value   string
	Only    string // who alone reads that file
	Unset   bool   // the line takes the setting out
	Count   int
	Why     string
	NetNS   uint64
	Host    bool   // the whole machine's
	Later   uint64 // the entry that changed it again
	Ended   string // why it was taken back, as a code
	Command string // to type
	State   string // " --state DIR", where that is not the usual one
	Prove   string // a --prove that is long enough
	Totals  string // of close and kill: what became of each
	Window  time.Duration
}

func (o *tuneOptions) flag() string {
	if o.state == stateHere() {
		return ""
	}
	return " --state " + o.state
}

func lineOf(e *ledger.Entry) entryLine {
	return entryLine{ID: e.ID, At: e.At.Local().Format(time.DateTime), By: e.By, Kind: e.Kind, Status: string(e.Status), Asked: askedOf(e)}
}

// askedOf is what close and kill were asked for.
func askedOf(e *ledger.Entry) string {
	var body struct {
		Asked string `json:"asked"`
	}
	if e.Kind == tune.Kind || json.Unmarshal(e.Body, &body) != nil {
		return ""
	}
	return body.Asked
}

func (l entryLine) change(c tune.Change) entryLine {
	l.Unit = c.Values.Unit
	l.Host = c.Scope == tune.Host
	l.Setting, l.From, l.To, l.NetNS = c.Setting, valueWord(c.From), valueWord(c.To), c.NetNS
	return l
}

func (l entryLine) override(o tune.Override) entryLine {
	l.File, l.Line, l.Value, l.Only, l.Unset = o.File, o.Line, valueWord(o.Value), o.Only, o.Unset
	return l
}

// valueWord prints a value in a line: tabs as blanks, nothing as "∅", and of a long
// list its beginning.
func valueWord(v string) string {
	v = strings.Join(strings.Fields(v), " ")
	if v == "" {
		return "\u2205"
	}
	if len(v) > 60 {
		return v[:57] + "…"
	}
	return v
}
