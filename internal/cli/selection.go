package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

// takeFunc is collect.Take, or a test's machine.
type takeFunc func(context.Context, collect.Options) (*host.Snapshot, error)

// selection is what list and count have in common: which sockets, from where,
// printed how.
type selection struct {
	netns, socketsBy, format string
	noHeader                 bool
}

func (o *selection) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.netns, "netns", "all", "network namespaces: all, self, a NAME under /run/netns, or a PID")
	f.StringVar(&o.format, "format", "table", "table, json, ndjson or csv")
	f.StringVar(&o.socketsBy, "sockets-by", "auto", "where sockets are read: auto, bpf-iter, sock_diag or procfs")
	f.BoolVar(&o.noHeader, "no-header", false, "leave out the header of tables and CSV")
}

func (o *selection) check() error {
	if err := errors.Join(checkSource(o.socketsBy), checkNetNS(o.netns)); err != nil {
		return err
	}
	if !slices.Contains([]string{"table", "json", "ndjson", "csv"}, o.format) {
		return usage(fmt.Errorf("unknown format %q", o.format), "--format takes table, json, ndjson or csv")
	}
	return nil
}

// filterHelp is the part of the help texts that tells of the filter language.
const filterHelp = `
FILTER is ss's expression language; words that follow one another mean "and":

  state NAME, exclude NAME     RFC or ss spelling, or all, connected, synchronized, bucket, big
  src, dst HOST[:PORT]         10.0.0.1, 10.0.0.0/8:443, [2001:db8::1]:22, :443, * (also laddr, raddr)
  sport, dport OP PORT         = != < <= > >= or eq ne lt le gt ge; 443, :443, :https (also lport, rport)
  process NAME                 = != exactly, ~ !~ part of it; the same for container, unit, user
  pid, uid, inode, cookie N    with = != < <= > >=; the same for recvq, sendq
  opener NAME|N                who called connect() or accept(), as a running 'sockeye trace' remembers
  closer local|peer            who closed first
  code TEXT                    part of the function or FILE:LINE that opened it, or both as they are printed:
                               'dao.(*Store).Query (store.go:88)', '[jit]'; = takes whole names, folders or not
  age OP DURATION              500ms, 10s, 5m; where the age is unknown nothing matches
  netns NAME|N, dev NAME, fwmark N[/MASK], cgroup PATH, autobound
  and or not ( )               also & && | || !; "not" binds tightest, "or" loosest

Quote what the shell would take for itself: < > & | ( ) ! *`

// parseFilter reads a filter from a command's arguments; service names come
// from the system's file when one is used.
func parseFilter(args []string, lang string) (filter.Expr, error) {
	services := sync.OnceValue(systemServices)
	parser := filter.Parser{Service: func(name string) (uint16, bool) { return services().Port(name) }}
	e, err := parser.Parse(filter.Join(args))
	var syntax *filter.SyntaxError
	if errors.As(err, &syntax) {
		text, hint := syntax.In(lang)
		return nil, usage(errors.New(text), hint)
	}
	return e, err
}

// systemServices reads the system's service names; without the file, or with a
// broken one, those that every system has remain.
func systemServices() *tcp.Services {
	f, err := os.Open(tcp.ServicesFile())
	if err != nil {
		return nil
	}
	defer f.Close()
	s, _ := tcp.ReadServices(io.LimitReader(f, 1<<22))
	return s
}

// picked is the answer: a snapshot and which of its sockets the filter selects.
type picked struct {
	*view
	rows  []int32
	notes []note
	lang  string
	left  []string // columns for which the terminal has no room
	hint  string   // what would make the answer better, "" nothing
}

// pick takes a snapshot and filters it. What was not seen is told on stderr.
func (o *selection) pick(cmd *cobra.Command, app App, take takeFunc, args []string, noInfo bool) (*picked, filter.Expr, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	lang, err := language(cmd, app)
	if err != nil {
		return nil, nil, err
	}
	book, err := knowledge.Open(lang)
	if err != nil {
		return nil, nil, failed(err, "")
	}
	e, err := parseFilter(args, lang)
	if err != nil {
		return nil, nil, err
	}
	sn, err := take(cmd.Context(), collect.Options{NetNS: o.netns, SocketsBy: o.socketsBy, SocketsOnly: true, NoInfo: noInfo})
	if err != nil {
		return nil, nil, examineError(err)
	}
	p := &picked{view: newView(sn), notes: notesOf(sn, book), lang: lang}
	p.rows = p.matching(e)
	p.missNamespace(e)
	printNotes(app, lang, p.notes)
	return p, e, nil
}

// matching returns the indexes of the sockets that the filter selects.
func (v *view) matching(e filter.Expr) []int32 {
	subject := &filter.Subject{Names: v}
	var rows []int32
	for i := range v.sn.Sockets {
		subject.Socket = &v.sn.Sockets[i]
		if e.Match(subject) {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// nothing is the end of a command whose filter selected no socket.
func (p *picked) nothing(e filter.Expr) error {
	text := e.String()
	out := &exit{code: exitNothing, hint: p.hint}
	switch {
	case text == "" && p.lang == "zh":
		out.err = errors.New("没有看到 TCP 套接字")
	case text == "":
		out.err = errors.New("no TCP sockets were seen")
	case p.lang == "zh":
		out.err = fmt.Errorf("没有匹配的套接字：%s", text)
	default:
		out.err = fmt.Errorf("no socket matches: %s", text)
	}
	return out
}

// lines prints n lines of a buffer that append fills, and ends early when ctx
// does.
func lines(ctx context.Context, w io.Writer, n int, head, foot string, appendLine func(dst []byte, i int) []byte) error {
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(head)
	var line []byte
	for i := range n {
		if i%4096 == 0 && ctx.Err() != nil {
			return interrupted(ctx)
		}
		line = appendLine(line[:0], i)
		if _, err := out.Write(line); err != nil {
			return written(err)
		}
	}
	out.WriteString(foot)
	return written(out.Flush())
}

func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return failed(errors.New("interrupted"), "")
}

// written turns an error of stdout into the command's; a closed pipe stays
// itself, for Run to be quiet about.
func written(err error) error {
	if err == nil {
		return nil
	}
	return failed(fmt.Errorf("writing: %w", err), "")
}

func upper(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToUpper(n)
	}
	return out
}

// checkNetNS refuses an empty --netns: an unset variable of a script must not
// mean every namespace.
func checkNetNS(name string) error {
	if name == "" {
		return usage(errors.New("--netns is empty"), "--netns takes all, self, a name that 'ip netns list' shows, or a pid")
	}
	return nil
}

// checkSource refuses a name of --sockets-by that is no source.
func checkSource(name string) error {
	switch name {
	case "", "auto", "bpf-iter", "sock_diag", "procfs":
		return nil
	}
	return usage(fmt.Errorf("unknown source %q", name), "--sockets-by takes auto, bpf-iter, sock_diag or procfs")
}
