package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"sockeye/internal/act"
	"sockeye/internal/knowledge"
	"sockeye/internal/ledger"
	"sockeye/internal/report"
	"sockeye/internal/tune"
)

func newTuneStatusCmd(app App) *cobra.Command {
	var o tuneOptions
	var format string
	var all bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What Sockeye changed, and whether it is still in force",
		Long: `Status lists the settings that Sockeye changed on this machine: when, by whom, what they
were, and whether they are still in force, somebody changed them since, or another file
would decide them when the machine starts. With --all it lists everything that it ever did
here, what was taken back, closed or ended included.`,
		Example: `  sockeye tune status
  sockeye tune status --all
  sockeye tune status --format json | jq '.entries[].changes[] | select(.how != "in-force")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := bookOf(cmd, app)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("unknown format %q", format), "--format takes text or json")
			}
			return tuneStatus(app, o, book, format, all)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().BoolVar(&all, "all", false, "everything that was ever done here")
	return cmd
}

// bookOf opens the words of the command's language.
func bookOf(cmd *cobra.Command, app App) (*knowledge.Book, error) {
	lang, err := language(cmd, app)
	if err != nil {
		return nil, err
	}
	book, err := knowledge.Open(lang)
	if err != nil {
		return nil, failed(err, "")
	}
	return book, nil
}

// statusJSON is what tune status prints as JSON.
type statusJSON struct {
	Schema  string          `json:"schema"`
	State   string          `json:"state"`
	Entries []tune.Standing `json:"entries"` // of tune, oldest first
	Others  []ledger.Entry  `json:"others"`  // with --all: what close and kill did
	Damaged []string        `json:"damaged"` // entries that cannot be read
}

func tuneStatus(app App, o tuneOptions, book *knowledge.Book, format string, all bool) error {
	out := statusJSON{Schema: statusSchema, State: o.state, Entries: []tune.Standing{}, Others: []ledger.Entry{}, Damaged: []string{}}
	t, end, err := o.reader(book)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		defer end()
		out.read(t, all)
	}
	if format == "json" {
		return printed(report.AsJSON(app.Stdout, out))
	}
	l := &tuneTalk{app: app, book: book}
	out.print(l)
	return printed(l.err)
}

func (s *statusJSON) read(t *tune.Tuner, all bool) {
	entries, damaged := t.Status()
	for _, e := range entries {
		if all || e.Entry.Status == ledger.Done || e.Entry.Status == ledger.Begun || e.Entry.Status == ledger.Undoing {
			s.Entries = append(s.Entries, e)
		}
	}
	for _, err := range damaged {
		s.Damaged = append(s.Damaged, err.Error())
	}
	if !all {
		return
	}
	others, _ := t.Ledger.Entries()
	for _, e := range others {
		if e.Kind != tune.Kind {
			s.Others = append(s.Others, e)
		}
	}
}

func (s *statusJSON) print(l *tuneTalk) {
	if len(s.Entries)+len(s.Others)+len(s.Damaged) == 0 {
		l.say("applied.none", nil)
	}
	for _, e := range s.Entries {
		head := lineOf(&e.Entry)
		head.Why, head.Ended = e.Record.Why, e.Record.Ended
		l.say("applied.entry", head)
		if len(e.Changes) == 0 { // it was undone
			for _, c := range slices.Concat(e.Record.Changes, e.Record.Units) {
				l.under("applied.change", head.change(c))
			}
		}
		for _, c := range e.Changes {
			s.stands(l, head, c)
		}
		for _, d := range e.Record.Drifted {
			l.under("applied.drifted", head.drift(d))
			l.under("applied.by-hand", head.drift(d))
		}
		switch {
		case brokenOff(&e.Entry), e.Entry.Status == ledger.Done && e.Record.Proving && e.Entry.Abandoned():
			l.under("applied.unfinished", head)
		case e.Entry.Status != ledger.Done:
		case e.Record.Proof != "":
			l.under("applied.proof."+e.Record.Proof, head)
		case e.Entry.Watched():
			l.under("applied.proof.watching", head)
		default:
			l.under("applied.proof.unknown", head)
		}
	}
	for i := range s.Others {
		line := lineOf(&s.Others[i])
		line.Totals = becameOf(l.book, &s.Others[i])
		l.say("applied.entry", line)
		if brokenOff(&s.Others[i]) {
			l.under("act.interrupted", nil)
		}
	}
	for _, d := range s.Damaged {
		l.say("applied.damaged", d)
	}
}

// becameOf counts what became of what close and kill hit, "" where an entry does not say.
func becameOf(book *knowledge.Book, e *ledger.Entry) string {
	var body struct {
		Totals act.Totals `json:"totals"`
	}
	if json.Unmarshal(e.Body, &body) != nil {
		return ""
	}
	var list []outcomeCount
	for _, outcome := range slices.Sorted(maps.Keys(body.Totals)) {
		if word, err := book.Word("act.outcome."+string(outcome), nil); err == nil {
			list = append(list, outcomeCount{word, body.Totals[outcome]})
		}
	}
	if len(list) == 0 {
		return ""
	}
	return sentence(book, "act.close.totals", list)
}

// brokenOff: it has not come to its end, and who was at it has.
func brokenOff(e *ledger.Entry) bool {
	return (e.Status == ledger.Begun || e.Status == ledger.Undoing) && e.Abandoned()
}

// stands tells what is no longer as it was left.
func (s *statusJSON) stands(l *tuneTalk, head entryLine, c tune.Stands) {
	line := head.change(c.Change)
	if c.Now != nil {
		line.Now = valueWord(*c.Now)
	}
	line.Host, line.Later = c.Host, c.By
	switch {
	case c.How == tune.InForce, c.How == tune.Kept, c.How == tune.AsBefore:
		l.under("applied."+c.How, line)
	case c.Kind == tune.Systemd:
		l.under("applied.change", line)
		l.under("applied.not-kept", line)
	default:
		l.under("applied.change", line)
		l.under("applied."+c.How, line)
	}
	if c.Unkept {
		l.under("applied.unkept", line)
	}
	for _, o := range c.Overrides {
		l.under("applied.override", line.override(o))
	}
}

// already tells what of a namespace Sockeye has changed by now, below a plan which
// would else look as if that had been for nothing. Who may not look is told nothing.
func already(l *tuneTalk, o tuneOptions, netns uint64) {
	t, end, err := o.reader(l.book)
	if err != nil {
		return
	}
	defer end()
	entries, _ := t.Status()
	told := false
	for _, e := range entries {
		for _, c := range e.Changes {
			if c.How != tune.InForce && c.How != tune.Kept || !c.Host && c.NetNS != netns {
				continue
			}
			if !told {
				l.blank()
				l.say("applied.already", nil)
				told = true
			}
			line := lineOf(&e.Entry).change(c.Change)
			if when, err := tune.Tell(l.book, c.Change); err == nil && !c.ShowsWithin(maxProof) {
				line.Value = when.When
			}
			l.under("applied.already-is", line)
		}
	}
}
