package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/collect"
	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/report"
)

// Exit codes of doctor: the verdict.
const (
	exitWarning  = 1
	exitCritical = 2
)

// maxSample bounds the window: a longer one is what recording is for.
const maxSample = 10 * time.Minute

type doctorOptions struct {
	sample    time.Duration
	netns     string
	socketsBy string
	format    string
	noTrace   bool
	wide      bool
	sockets   bool
}

func newDoctorCmd(app App) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine this machine, name the cause, advise",
		Long: `Doctor looks at the machine's TCP sockets twice, a moment apart, and says what keeps
it from opening or keeping connections: the limit, the behaviour that fills it, the
process behind it, why it is sure, and what helps, best first.

Exit codes: 0 healthy or notice, 1 warning, 2 critical, 3 could not examine (a mistyped
flag included).`,
		Example: `  sudo sockeye doctor                        everything, all network namespaces
  sockeye doctor --sample 0                  one glance, no waiting
  sockeye doctor --sample 10s --netns 4711   the namespace of process 4711, watched for 10 s
  sockeye doctor --format json | jq .verdict
  sockeye doctor --lang zh`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("doctor takes no argument, but here is %q", args[0]),
					"to look at one namespace: --netns NAME or --netns PID")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			lang, err := language(cmd, app)
			if err != nil {
				return err
			}
			return runDoctor(cmd.Context(), app, o, lang)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.sample, "sample", time.Second, "time between the two looks; 0 takes one glance")
	f.StringVar(&o.netns, "netns", "all", "network namespaces: all, self, a NAME under /run/netns, or a PID")
	f.StringVar(&o.format, "format", "text", "text, json or markdown")
	f.StringVar(&o.socketsBy, "sockets-by", "auto", "where sockets are read: auto, bpf-iter, sock_diag or procfs")
	f.BoolVar(&o.noTrace, "no-trace", false, "do not watch connect() calls between the two looks")
	f.BoolVar(&o.wide, "wide", false, "show every culprit, remedy and limit")
	f.BoolVar(&o.sockets, "sockets", false, "with --format json: every socket of the last look as well")
	return cmd
}

func runDoctor(ctx context.Context, app App, o doctorOptions, lang string) error {
	if o.sample < 0 || o.sample > maxSample {
		return usage(fmt.Errorf("--sample %v is out of range", o.sample), "take 0 (one glance) to 10m")
	}
	switch o.format {
	case "text", "json", "markdown":
	default:
		return usage(fmt.Errorf("unknown format %q", o.format), "--format takes text, json or markdown")
	}
	if err := errors.Join(checkSource(o.socketsBy), checkNetNS(o.netns)); err != nil {
		return err
	}
	if o.sockets && o.format != "json" {
		return usage(errors.New("--sockets needs --format json"), "to see the sockets themselves: sockeye list")
	}
	book, err := knowledge.Open(lang)
	if err != nil {
		return failed(err, "")
	}
	var progress io.Writer
	if app.StderrTTY && o.sample > 2*time.Second {
		progress = app.Stderr
	}
	in, err := observe(ctx, o, progress)
	if err != nil {
		return examineError(err)
	}
	in.Version = version
	rep, err := diagnose.Examine(*in, book)
	if err != nil {
		return failed(err, "")
	}
	switch o.format {
	case "json":
		if o.sockets {
			rep.Sockets = socketRows(in.Now)
		}
		err = report.JSON(app.Stdout, rep)
	case "markdown":
		err = report.Markdown(app.Stdout, rep, book)
	default:
		err = report.Text(app.Stdout, rep, book, report.TextOptions{Width: app.Width, Colour: colour(app), Wide: o.wide})
	}
	if err != nil {
		return failed(err, "")
	}
	switch rep.Verdict {
	case diagnose.Critical:
		return &exit{code: exitCritical}
	case diagnose.Warning:
		return &exit{code: exitWarning}
	}
	return nil
}

// socketRows are the sockets of a look as the rows of the contract.
func socketRows(sn *host.Snapshot) json.RawMessage {
	v := newView(sn)
	rows := []byte{'['}
	for i := range sn.Sockets {
		if i > 0 {
			rows = append(rows, ',')
		}
		rows = v.appendSocketJSON(rows, &sn.Sockets[i])
	}
	return append(rows, ']')
}

// examineError explains why nothing could be examined.
func examineError(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return failed(errors.New("interrupted before anything was seen"), "")
	case errors.Is(err, collect.ErrNotSupported):
		return failed(err, "run it on the Linux machine in question")
	case errors.Is(err, collect.ErrNotPermitted):
		return failed(err, "run it as root: sudo sockeye …")
	case errors.Is(err, collect.ErrUnknownNetNS):
		return failed(err, "--netns takes all, self, a name that 'ip netns list' shows, or the pid of a process in it")
	}
	return failed(err, "")
}
