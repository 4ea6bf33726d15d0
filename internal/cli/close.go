package cli

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/act"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

type closeOptions struct {
	actOptions
	netns, rate string
	protected   bool
}

func newCloseCmd(app App, take takeFunc) *cobra.Command {
	var o closeOptions
	cmd := &cobra.Command{
		Use:   "close FILTER",
		Short: "Close TCP connections, in the kernel and at once",
		Long: `Close shows the connections that the filter selects, with their owners and with what
their end means, asks, and then lets the kernel destroy them (SOCK_DESTROY). Each is hit
only if it still is the very socket that was shown, whatever took its place since. What
came of each is looked up afterwards.

It is first aid: a program that leaks connections goes on leaking, and of a CLOSE_WAIT
only the kernel's part is freed. It needs root.

Spared are the connections of Sockeye and of the programs that it was started from, the
SSH connection that you type over, what tmux or screen may be shown through, those of
process 1 and of the local name server, and listeners unless the filter says 'state
listen'. What is done is remembered in the state directory before it is done, and in the
system log where there is one.
` + filterHelp,
		Example: `  sockeye close state close-wait process java --dry-run    what would it hit?
  sockeye close state close-wait process java              shows it, and asks
  sockeye close state fin-wait-2 dst 10.0.0.2:3306 --yes --limit 500 --rate 50/s
  sockeye close cookie 4711                                one that 'list --wide' shows`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runClose(cmd, app, take, o, args) },
	}
	f := cmd.Flags()
	o.addFlags(f, 100, "connections")
	f.StringVar(&o.netns, "netns", "all", "network namespaces: all, self, a NAME under /run/netns, or a PID")
	f.StringVar(&o.rate, "rate", "", "close at most N/s (or N/m); by default as fast as the kernel can")
	f.BoolVar(&o.protected, "include-protected", false, "spare nothing; with --yes only what the filter names by its cookie")
	return cmd
}

// closing is a close under way.
type closing struct {
	*picked
	book    *knowledge.Book
	plan    []planned
	dryRun  bool
	entry   uint64 // in the record, 0 while there is none
	holders []string
}

// planned is a socket that matches.
type planned struct {
	row       int32
	spared    act.Why
	protected act.Why    // what --include-protected sets aside
	result    act.Result // its outcome is "" before the deed
}

func runClose(cmd *cobra.Command, app App, take takeFunc, o closeOptions, args []string) error {
	pace, err := paceOf(o.rate)
	if err = errors.Join(o.check(), err); err != nil {
		return err
	}
	book, err := bookOf(cmd, app)
	if err != nil {
		return err
	}
	if strings.TrimSpace(filter.Join(args)) == "" {
		return usage(errorOf(book, "act.close.which", nil), sentence(book, "act.close.which.hint", nil))
	}
	guard, err := newGuard(book)
	if err != nil {
		return err
	}
	chosen := selection{netns: o.netns, format: "table"}
	p, e, err := chosen.pick(cmd, app, take, args, true)
	if err != nil {
		return err
	}
	if len(p.rows) == 0 {
		return nothingSeen(p, book, e)
	}
	c := &closing{picked: p, book: book, dryRun: o.dryRun}
	if err := c.decide(guard, e, o); err != nil {
		return err
	}
	targets := c.targets()
	if o.dryRun {
		overLimit(app, book, len(targets), o.limit)
		if len(targets) > 0 && !act.MayClose() {
			printNotes(app, c.lang, []note{{what: sentence(book, "act.close.unpermitted.dry", nil)}})
		}
		return c.print(cmd, app, o.format)
	}
	if len(targets) == 0 {
		return refusedTo(book, "act.none-left", nil, nil)
	}
	if len(targets) > o.limit {
		return refusedTo(book, "act.too-many", struct{ Count, Limit int }{len(targets), o.limit}, len(targets))
	}
	if (o.yes || isTerminal(app.Stdin)) && !act.MayClose() { // before a place for the record is asked for
		return failed(act.ErrNotPermitted, sentence(book, "act.unpermitted.hint", nil))
	}
	l, err := o.ledger(book)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	show := func() error { return c.table(app.Stderr, app.Width, true) }
	if err := consent(cmd.Context(), app, book, o.yes, show, sentence(book, "act.close.ask", len(targets))); err != nil {
		return err
	}
	log, end := systemLog(app, book)
	defer end()
	closer := &act.Closer{Ledger: l, Notice: log, Pace: pace}
	entry, results, err := closer.Close(cmd.Context(), e.String(), targets)
	if results == nil {
		return actFailed(book, err, true)
	}
	c.entry = entry
	c.settle(results)
	if err := c.print(cmd, app, o.format); err != nil {
		return err
	}
	c.talk(app)
	if err != nil {
		return actFailed(book, err, false)
	}
	return c.verdict()
}

// decide tells for each socket whether it is to be closed.
func (c *closing) decide(guard *act.Guard, e filter.Expr, o closeOptions) error {
	guard.Learn(c.sn)
	listeners := saysListen(e)
	for _, row := range c.rows {
		s := &c.sn.Sockets[row]
		why, setAside := act.Possible(s), act.NoReason
		if why == act.NoReason {
			why = guard.Socket(s, c.sn.Owners(s), listeners)
			switch {
			case why == act.NoReason || !o.protected:
			case o.yes && !saysCookie(e, s.Cookie):
				return refusedTo(c.book, "act.protected-yes", nil, nil)
			default:
				why, setAside = act.NoReason, why
			}
		}
		c.plan = append(c.plan, planned{row: row, spared: why, protected: setAside})
	}
	slices.SortStableFunc(c.plan, func(a, b planned) int { return c.before(&c.sn.Sockets[a.row], &c.sn.Sockets[b.row]) })
	return nil
}

// before orders sockets as people look for them: by state, far end and near end.
func (c *closing) before(a, b *tcp.Socket) int {
	return cmp.Or(
		cmp.Compare(stateOrder[a.State%tcp.NumStates], stateOrder[b.State%tcp.NumStates]),
		a.Remote.Compare(b.Remote), a.Local.Compare(b.Local), cmp.Compare(a.NetNS, b.NetNS))
}

func (c *closing) targets() (out []act.Target) {
	for _, p := range c.plan {
		if p.spared == act.NoReason {
			s := c.sn.Sockets[p.row]
			out = append(out, act.Target{Socket: s, Process: c.processName(s.PID)})
		}
	}
	return out
}

// settle gives each that was not spared its result.
func (c *closing) settle(results []act.Result) {
	next := 0
	seen := map[int32]bool{}
	for i := range c.plan {
		if c.plan[i].spared != act.NoReason {
			continue
		}
		c.plan[i].result = results[next]
		next++
		s := &c.sn.Sockets[c.plan[i].row]
		if s.State == tcp.CloseWait && s.PID > 0 && c.plan[i].result.Outcome == act.Destroyed && !seen[s.PID] {
			seen[s.PID] = true
			c.holders = append(c.holders, harmless(string(appendCalled(nil, c.processName(s.PID), s.PID))))
		}
	}
}

// talk says on stderr what the table cannot.
func (c *closing) talk(app App) {
	var notes []note
	if len(c.holders) > 0 {
		notes = append(notes, note{what: sentence(c.book, "act.close.after.CLOSE_WAIT", c.holders)})
	}
	if text := c.totals(); text != "" && !app.StdoutTTY { // there the table has it
		notes = append(notes, note{what: text})
	}
	notes = append(notes, note{what: sentence(c.book, "act.entry", c.entry)})
	printNotes(app, c.lang, notes)
}

// totals counts what became of more sockets than anybody counts in a table; else "".
func (c *closing) totals() string {
	const few = 10
	if len(c.plan) <= few {
		return ""
	}
	return sentence(c.book, "act.close.totals", c.counted())
}

// outcomeCount is how many sockets have an outcome in common.
type outcomeCount struct {
	Outcome string
	Count   int
}

// counted are the sockets that are not spared by what became of them, or would.
func (c *closing) counted() (list []outcomeCount) {
	for _, o := range []act.Outcome{"", act.Destroyed, act.Gone, act.StillThere, act.Refused, act.Untried} {
		key := "act.outcome." + string(o)
		if o == "" {
			key = "act.outcome.would"
		}
		t := outcomeCount{Outcome: sentence(c.book, key, nil)}
		for _, p := range c.plan {
			if p.spared == act.NoReason && p.result.Outcome == o {
				t.Count++
			}
		}
		if t.Count > 0 {
			list = append(list, t)
		}
	}
	return list
}

// sum is the line below a table of several sockets; "" below one of one.
func (c *closing) sum() string {
	if len(c.plan) < 2 {
		return ""
	}
	list, spared := c.counted(), 0
	for _, p := range c.plan {
		if p.spared != act.NoReason {
			spared++
		}
	}
	if spared > 0 {
		list = append(list, outcomeCount{sentence(c.book, "act.close.spared", nil), spared})
	}
	return sentence(c.book, "act.close.sum", struct {
		All  int
		Each string
	}{len(c.plan), sentence(c.book, "act.close.totals", list)})
}

// verdict is the exit code of what came of it.
func (c *closing) verdict() error {
	for _, p := range c.plan {
		switch {
		case p.result.Outcome == act.StillThere:
			return &exit{code: exitFailed}
		case p.result.Outcome != act.Refused:
		case errors.Is(p.result.Err, act.ErrNotPermitted):
			return failed(p.result.Err, sentence(c.book, "act.unpermitted.hint", nil))
		default:
			return failed(p.result.Err, "")
		}
	}
	return nil
}

// paceOf reads --rate: "50/s", "10/m", "50".
func paceOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	unit := time.Second
	digits, isPerMinute := strings.CutSuffix(text, "/m")
	if isPerMinute {
		unit = time.Minute
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(digits, "/s"), 10, 32)
	if err != nil || n == 0 || isPerMinute && strings.HasSuffix(digits, "/s") {
		return 0, usage(fmt.Errorf("--rate %q is no rate", text), "it takes 50/s, or 10/m")
	}
	return unit / time.Duration(n), nil
}

// Every word of the filter language but "state", and but "cookie".
var (
	beyondStates = append([]string{"cookie"}, beyondBoth...)
	beyondCookie = append([]string{"state"}, beyondBoth...)
	beyondBoth   = []string{"src", "dst", "sport", "dport", "process", "container", "unit", "user", "netns", "opener", "closer",
		"code", "cgroup", "dev", "pid", "uid", "inode", "recvq", "sendq", "age", "fwmark", "autobound"}
)

// saysListen reports whether a filter names LISTEN. One that only does not leave
// it out ("exclude established", "sport 80") has the state Unknown as well, which
// no word names.
func saysListen(e filter.Expr) bool {
	states := filter.Loosen(e, beyondStates...)
	matches := func(s tcp.State) bool { return states.Match(&filter.Subject{Socket: &tcp.Socket{State: s}}) }
	return matches(tcp.Listen) && !matches(tcp.Unknown)
}

// saysCookie reports whether a filter names the cookie, and does not only let it
// through with others.
func saysCookie(e filter.Expr, cookie uint64) bool {
	cookies := filter.Loosen(e, beyondCookie...)
	matches := func(n uint64) bool { return cookies.Match(&filter.Subject{Socket: &tcp.Socket{Cookie: n}}) }
	return matches(cookie) && !matches(0) && !matches(cookie-1) && !matches(cookie+1) && !matches(math.MaxUint64)
}
