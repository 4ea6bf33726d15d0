package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
	"sockeye/internal/report"
)

type explainOptions struct {
	format  string
	list    bool
	wide    bool
	sockets bool
}

func newExplainCmd(app App) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain [FILE... | - | WORDS]",
		Short: "What a message, a log, a state, a setting or a saved netstat means",
		Long: `Explain takes what you have: an error message, a log, the saved output of netstat, ss,
lsof, TCPView, sysctl and their like from any system and in any language, alone or
several in one file, a folder or an archive of them; or the name of a state, an error, a
setting or a finding. It needs no privileges, and says what such text cannot show.

Words that name an existing file are read as that file; several files are read as one
machine's, and words beside them are explained as well. 'explain states' draws the states
of a connection; with a file behind it or a pipe, with the numbers of that text in place.

Exit codes: 0 explained, 1 nothing known by that name, 2 usage, 3 nothing could be read;
what could not be read beside what could is named and changes none of these.`,
		Example: `  sockeye explain catalina.out netstat.txt        a log and a table, diagnosed together
  netstat -an | sockeye explain                    what comes through a pipe
  sockeye explain 'No buffer space available (maximum connections reached?): connect'
  sockeye explain TIME_WAIT                        a state; or tcp_tw_reuse, 10055, SO_LINGER…
  sockeye explain states netstat.txt               the states, with this table's numbers
  sockeye explain --list                           all that it knows by name`,
		RunE: func(cmd *cobra.Command, args []string) error {
			lang, err := language(cmd, app)
			if err != nil {
				return err
			}
			book, err := knowledge.Open(lang)
			if err != nil {
				return failed(err, "")
			}
			return runExplain(cmd.Context(), app, o, book, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "text, json or markdown")
	f.BoolVar(&o.list, "list", false, "list everything that can be asked by name")
	f.BoolVar(&o.wide, "wide", false, "show every part, message, culprit, remedy and source")
	f.BoolVar(&o.sockets, "sockets", false, "with --format json: every socket that was read as well")
	return cmd
}

// drawStates is the word that asks for the drawing.
const drawStates = "states"

func runExplain(ctx context.Context, app App, o explainOptions, book *knowledge.Book, args []string) error {
	switch o.format {
	case "text", "json", "markdown":
	default:
		return refusal(exitUsage, book, "unknown-format", strconv.Quote(o.format))
	}
	if o.sockets && o.format != "json" {
		return refusal(exitUsage, book, "sockets-need-json", nil)
	}
	switch {
	case o.list:
		if len(args) > 0 {
			return refusal(exitUsage, book, "list-takes-no-words", harmless(args[0]))
		}
		return listEntries(app, o, book)
	case len(args) > 0 && args[0] == drawStates && !exists(drawStates):
		return explainStates(ctx, app, o, book, args[1:])
	case len(args) == 0 && isTerminal(app.Stdin):
		return refusal(exitUsage, book, "nothing-asked", nil)
	}
	files, words := parted(args)
	switch {
	case len(words) == 0:
		return explainText(ctx, app, o, book, files, wanted{})
	case len(files) > 0:
		return explainText(ctx, app, o, book, files, askBeside(book, words))
	}
	return explainWords(ctx, app, o, book, words)
}

// parted tells the files, the folders and "-" for stdin from the words.
func parted(args []string) (files, words []string) {
	for _, a := range args {
		if a == "-" || exists(a) {
			files = append(files, a)
		} else {
			words = append(words, a)
		}
	}
	return files, words
}

// exists tells whether a word names a file, one that cannot be opened included: a
// link that leads nowhere, or what stands in a folder that is closed to us.
func exists(name string) bool {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrPermission) { // in a closed folder every word would be a file
		return filepath.IsAbs(name) || looksLikePath(name) && !strings.ContainsAny(name, " \n")
	}
	return err == nil
}

// printed is what to return after printing.
func printed(err error) error {
	if err != nil {
		return failed(err, "")
	}
	return nil
}

func textOptions(app App, o explainOptions) report.TextOptions {
	return report.TextOptions{Width: app.Width, Colour: colour(app), Wide: o.wide}
}

// explain tells what was read, and what was asked for by name beside it.
func explain(app App, o explainOptions, book *knowledge.Book, x *explained) error {
	// What was read is most of the memory and stays to the end: garbage may take a
	// seventh of it, not as much again.
	defer debug.SetGCPercent(debug.SetGCPercent(15))
	rep, err := diagnose.Examine(diagnose.Input{Now: x.pasted.Snapshot, Symptoms: x.symptoms, Version: version}, book)
	if err != nil {
		return failed(err, "")
	}
	if o.sockets {
		rep.Sockets = socketRows(x.pasted.Snapshot)
	}
	e := x.explanation(rep, book)
	switch o.format {
	case "json":
		return printed(report.AsJSON(app.Stdout, e))
	case "markdown":
		err = report.ExplanationMarkdown(app.Stdout, e, book)
	default:
		err = report.ExplanationText(app.Stdout, e, book, textOptions(app, o))
	}
	if err == nil && len(e.Entries) > 0 {
		_, err = fmt.Fprintln(app.Stdout)
	}
	if err != nil {
		return printed(err)
	}
	return printEntries(app, o, book, e.Entries)
}
