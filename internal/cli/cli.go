// Package cli is the command line: one file per command, each parses its flags,
// calls one thing below, and prints.
//
// In: the arguments, the three streams and the environment (App).
// Out: the answer on stdout, talk on stderr, an exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"sockeye/internal/collect"
	"sockeye/internal/host"
)

// App is all that a command may touch of the process it runs in.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	StdoutTTY      bool // stdout is a terminal
	StderrTTY      bool
	Width          int // columns of the terminal; 100 when there is none
	// Size asks the terminal of stdout how large it is now; nil, or ok false, when
	// it cannot tell.
	Size func() (width, height int, ok bool)
}

// System is the App of a real process.
func System() App {
	app := App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Width: 100}
	app.StdoutTTY = term.IsTerminal(int(os.Stdout.Fd()))
	app.StderrTTY = term.IsTerminal(int(os.Stderr.Fd()))
	app.Size = func() (width, height int, ok bool) {
		w, h, err := term.GetSize(int(os.Stdout.Fd()))
		return w, h, err == nil && w > 0 && h > 0
	}
	if w, _, ok := app.Size(); ok {
		app.Width = w
	}
	return app
}

// Exit codes of every command but doctor, which adds its own meaning to 1 and 2.
const (
	exitDone    = 0
	exitNothing = 1 // nothing matched, or refused
	exitUsage   = 2
	exitFailed  = 3
)

// exit ends a command with a code. Err may be nil: then the code is the answer
// and nothing is printed.
type exit struct {
	code int
	err  error
	hint string // what to do about it
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usage(err error, hint string) error { return &exit{code: exitUsage, err: err, hint: hint} }

func failed(err error, hint string) error { return &exit{code: exitFailed, err: err, hint: hint} }

// Run parses args, runs the command they name and returns its exit code.
func Run(ctx context.Context, args []string, app App) int {
	return execute(ctx, newRoot(app), args, app)
}

// execute is Run with a tree of commands of the caller's.
func execute(ctx context.Context, root *cobra.Command, args []string, app App) int {
	root.SetArgs(args)
	root.SetIn(app.Stdin)
	root.SetOut(app.Stdout)
	root.SetErr(app.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	// Whoever reads our output went away (head, a closed pager): no fault of ours.
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return exitDone
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{code: exitUsage, err: err, hint: "see 'sockeye --help'"}
	}
	if e.err == nil {
		return e.code
	}
	fmt.Fprintln(app.Stderr, "sockeye:", harmless(e.Error()))
	if e.hint != "" {
		label := "hint: "
		if lang, err := language(cmd, app); err == nil && lang == "zh" {
			label = "提示："
		}
		fmt.Fprintln(app.Stderr, label+harmless(e.hint))
	}
	if cmd.Name() == "doctor" && e.code == exitUsage {
		return exitFailed // 2 is doctor's word for critical: a typing error must not page anybody
	}
	return e.code
}

// harmless makes an error's text safe to print: it may repeat what was typed, in
// any length and with any character.
func harmless(text string) string {
	const longest = 2000
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if len(l) > longest {
			l = l[:longest] + "…"
		}
		lines[i] = host.Printable(l)
	}
	return strings.Join(lines, "\n")
}

// Version is the release; the linker sets it (-X sockeye/internal/cli.version=…).
var version = "0.1.0"

func newRoot(app App) *cobra.Command {
	root := &cobra.Command{
		Use:   "sockeye",
		Short: "Why this machine cannot open, or not keep, its TCP connections",
		Long: `Sockeye tells why this machine cannot open, or not keep, its TCP connections: who is to
blame, how long until it runs out, and what safely fixes it. Begin with the doctor.`,
		Example: `  sudo sockeye doctor                     examine this machine
  sudo sockeye list state close-wait      whose connections wait for a close
  sudo sockeye count --by process,state   who holds how many
  sudo sockeye trace --failures           which connect() fails, as it happens
  sockeye explain 'error message'         what it means; also a log, or a saved netstat
  sockeye lab run port-exhaustion         see a fault before you meet it`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().String("lang", "", "language of the answer: en or zh (default: from LC_ALL, LC_MESSAGES, LANG)")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newLabCmd(app))
	root.AddCommand(newDoctorCmd(app))
	take := remembering(collect.Take, recall)
	root.AddCommand(newListCmd(app, take), newCountCmd(app, take))
	root.AddCommand(newCloseCmd(app, take), newKillCmd(app, take, inspectHere))
	root.AddCommand(newTraceCmd(app, attach, placesOnce(collect.PlaceOf)))
	root.AddCommand(newExplainCmd(app))
	root.AddCommand(newTuneCmd(app))
	return root
}

// flagError says what a flag takes, where pflag would quote the code that reads it.
func flagError(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("see '%s --help'", cmd.CommandPath())
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return usage(err, hint)
	}
	switch flag := wrong.GetFlag(); flag.Value.Type() {
	case "int":
		err = fmt.Errorf("--%s takes a number, not %q", flag.Name, wrong.GetValue())
	case "duration":
		hint = "a duration has a unit: 5s, 500ms, 2m"
	}
	return usage(err, hint)
}

// language returns the language asked for with --lang, else that of the environment.
func language(cmd *cobra.Command, app App) (string, error) {
	lang, _ := cmd.Flags().GetString("lang")
	switch lang {
	case "en", "zh":
		return lang, nil
	case "":
	default:
		return "", usage(fmt.Errorf("unknown language %q", lang), "--lang takes en or zh")
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := app.Getenv(name); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "zh") {
				return "zh", nil
			}
			return "en", nil
		}
	}
	return "en", nil
}

// colour reports whether stdout may carry escape sequences: a terminal, no
// NO_COLOR (any value, as its convention asks), and not TERM=dumb.
func colour(app App) bool {
	return app.StdoutTTY && app.Getenv("NO_COLOR") == "" && app.Getenv("TERM") != "dumb"
}
