package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sockeye/internal/lab"
)

func newLabCmd(app App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Reproduce a TCP state or a fault in a private network namespace",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLabListCmd(app), newLabRunCmd(app))
	// The processes of a run are this program too.
	for _, part := range []string{"world", "role"} {
		cmd.AddCommand(&cobra.Command{
			Use:    part,
			Hidden: true,
			Args:   cobra.ArbitraryArgs,
			RunE: func(cmd *cobra.Command, args []string) error {
				if code := lab.Child(cmd.Context(), append([]string{part}, args...)); code != 0 {
					return &exit{code: code}
				}
				return nil
			},
		})
	}
	return cmd
}

func newLabListCmd(app App) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lang, err := language(cmd, app)
			if err != nil {
				return err
			}
			scenarios := lab.List()
			if len(scenarios) == 0 {
				return failed(lab.ErrNotSupported, "")
			}
			switch format {
			case "text":
				return listScenarios(app.Stdout, scenarios, lang)
			case "json":
				return listScenariosJSON(app.Stdout, scenarios, lang)
			}
			return usage(fmt.Errorf("unknown format %q", format), "--format takes text or json")
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func listScenarios(out io.Writer, scenarios []lab.Info, lang string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range scenarios {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, s.About.In(lang))
	}
	return w.Flush()
}

func listScenariosJSON(out io.Writer, scenarios []lab.Info, lang string) error {
	type row struct {
		Name   string     `json:"name"`
		About  string     `json:"about"`
		Roles  []string   `json:"roles"`
		Expect expectJSON `json:"expect"`
	}
	rows := make([]row, 0, len(scenarios))
	for _, s := range scenarios {
		rows = append(rows, row{s.Name, s.About.In(lang), s.Roles, expectation(s.Expect, 0)})
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(rows)
}

// expectJSON is what an examination of the scenario has to say; unknown or none is null.
type expectJSON struct {
	Finding     *string  `json:"finding"`
	With        []string `json:"with"`
	May         []string `json:"may"`
	Culprit     *string  `json:"culprit"`
	CulpritPID  *int     `json:"culprit_pid"`
	Destination *string  `json:"destination"`
	Severity    *string  `json:"severity"`
	AtMost      *string  `json:"at_most"`
	Healthy     bool     `json:"healthy"`
	Errno       *string  `json:"errno"`
	Call        *string  `json:"call"`
	Opener      *string  `json:"opener"`
	Closer      *string  `json:"closer"`
	Code        *string  `json:"code"`
}

func expectation(e lab.Expectation, pid int) expectJSON {
	out := expectJSON{
		Finding: orNull(e.Finding), With: append([]string{}, e.With...), May: append([]string{}, e.May...),
		Culprit: orNull(e.Culprit), CulpritPID: orNull(pid), Destination: orNull(e.Destination),
		Severity: orNull(e.Severity), AtMost: orNull(e.AtMost), Healthy: e.Healthy,
		Errno: orNull(e.Errno), Call: orNull(e.Call), Opener: orNull(e.Opener), Closer: orNull(e.Closer), Code: orNull(e.Code),
	}
	return out
}

// orNull makes the zero value null.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func newLabRunCmd(app App) *cobra.Command {
	var format string
	var hold time.Duration
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Play a scenario and hold its picture to be looked at",
		Long: `Play a scenario in a private network namespace and hold its picture to be
looked at from another terminal. Nothing outside that namespace is touched, and
nothing is left when the command ends, in whatever way.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("name one scenario"), "see 'sockeye lab list'")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, s := range lab.List() {
				names = append(names, s.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			lang, err := language(cmd, app)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("unknown format %q", format), "--format takes text or json")
			}
			if hold <= 0 || hold > lab.MaxHold {
				return usage(fmt.Errorf("cannot hold for %v", hold), fmt.Sprintf("--hold takes a time up to %v", lab.MaxHold))
			}
			return runScenario(cmd.Context(), app, args[0], labOutput{app.Stdout, args[0], lang, format == "json"}, hold)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, or json: one event a line")
	cmd.Flags().DurationVar(&hold, "hold", time.Minute, "how long to hold the picture, 10m at most; --duration is the same")
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "duration" {
			name = "hold"
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}

func runScenario(ctx context.Context, app App, name string, out labOutput, hold time.Duration) error {
	run, err := lab.Start(ctx, name, lab.Options{Hold: hold, On: out.event, Stderr: app.Stderr})
	switch {
	case errors.Is(err, lab.ErrUnknownScenario):
		return usage(err, "see 'sockeye lab list'")
	case errors.Is(err, lab.ErrNotAllowed):
		return failed(err, "run it as root, or allow unprivileged user namespaces")
	case errors.Is(err, context.Canceled):
		return nil // Ctrl-C before the picture stood
	case err != nil:
		return failed(err, "")
	}
	<-run.Done()
	out.done()
	return nil
}

// labOutput tells a run to people or, as one JSON object a line, to programs.
type labOutput struct {
	w        io.Writer
	scenario string
	lang     string
	json     bool
}

type labEventJSON struct {
	Event    string        `json:"event"`
	Scenario string        `json:"scenario"`
	Role     string        `json:"role,omitempty"`
	Text     string        `json:"text,omitempty"`
	Sockets  []lab.Row     `json:"sockets,omitempty"`
	NetNS    string        `json:"netns,omitempty"`
	Roles    []lab.RolePID `json:"roles,omitempty"`
	Expect   *expectJSON   `json:"expect,omitempty"`
}

func (o labOutput) event(e lab.Event) {
	if o.json {
		line := labEventJSON{Event: e.Kind, Scenario: o.scenario, Role: e.Role, Text: e.Text.In(o.lang), Sockets: e.Sockets}
		if r := e.Ready; r != nil {
			expect := expectation(r.Expect, r.PID(r.Expect.Culprit))
			line.NetNS, line.Roles, line.Expect = strconv.FormatUint(r.NetNS, 10), r.Roles, &expect
		}
		_ = json.NewEncoder(o.w).Encode(line)
		return
	}
	if e.Ready == nil {
		fmt.Fprintln(o.w, e.Text.In(o.lang))
		o.table(e.Sockets)
		return
	}
	fmt.Fprint(o.w, lab.Text{En: "ready", Zh: "就绪"}.In(o.lang))
	for _, r := range e.Ready.Roles {
		fmt.Fprintf(o.w, "  %s=%d", r.Name, r.PID)
	}
	fmt.Fprintf(o.w, "  netns=%d\n", e.Ready.NetNS)
	if len(e.Ready.Roles) > 0 {
		fmt.Fprintf(o.w, lab.Text{En: "look at it: %s doctor --netns %d   (Ctrl-C ends it)\n", Zh: "查看：%s doctor --netns %d   （Ctrl-C 结束）\n"}.In(o.lang),
			calledAs(os.Args[0]), e.Ready.Roles[0].PID)
	}
}

// calledAs is this program as it was typed, so that what is printed can be
// copied; one that a shell would read otherwise is given its plain name.
func calledAs(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r)
	}
	if arg == "" || strings.ContainsFunc(arg, func(r rune) bool { return !plain(r) }) {
		return "sockeye"
	}
	return arg
}

func (o labOutput) table(rows []lab.Row) {
	w := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		far := "*"
		if r.Raddr != "" {
			far = fmt.Sprintf("%s:%d", r.Raddr, r.Rport)
		}
		fmt.Fprintf(w, "    %s\t%s:%d\t%s\t%s\n", r.State, r.Laddr, r.Lport, far, r.Role)
	}
	_ = w.Flush()
}

func (o labOutput) done() {
	if o.json {
		_ = json.NewEncoder(o.w).Encode(labEventJSON{Event: "done", Scenario: o.scenario})
		return
	}
	fmt.Fprintln(o.w, lab.Text{En: "done: nothing is left of it", Zh: "结束：没有留下任何东西"}.In(o.lang))
}
