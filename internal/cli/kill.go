package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/act"
	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp/filter"
)

type killOptions struct {
	actOptions
	netns string
	grace time.Duration
	force bool
}

// longestGrace is more than anybody waits for a program to end.
const longestGrace = time.Hour

// inspectFunc is collect.Inspect, or a test's.
type inspectFunc func(pid int32) (*host.Process, []host.BlindSpot)

func newKillCmd(app App, take takeFunc, inspect inspectFunc) *cobra.Command {
	var o killOptions
	cmd := &cobra.Command{
		Use:   "kill PID|FILTER",
		Short: "End a process, or those that hold the sockets of a filter",
		Long: `Kill shows the process, or those that hold the sockets which the filter selects: program,
command line, systemd unit, container, and how many sockets they hold. It asks, lets each
end by itself (SIGTERM), waits for --grace, and only with --force kills who is still there
(SIGKILL). Each is hit only if it still is the very process that was shown: a number that
has gone to another process since is left alone.

What systemd or a container engine started they may start again: stop the unit or the
container instead. What a command line gives away as a password or token is shown as ***.

Never ended are process 1, threads of the kernel, Sockeye itself and what it was started
from. What is done is remembered in the state directory before it is done, and in the
system log where there is one. Who listens on its ports afterwards is told: a supervisor
may have started it again.

On Windows it takes a PID and --force: nothing asks another's process to end there.
` + filterHelp,
		Example: `  sockeye kill 812 --dry-run                          who is it?
  sockeye kill 812                                    shows it, and asks
  sockeye kill 812 --grace 30s --force --yes
  sockeye kill state close-wait dst 10.0.0.2:3306     whoever does not close these`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runKill(cmd, app, take, inspect, o, args) },
	}
	f := cmd.Flags()
	o.addFlags(f, 10, "processes")
	f.StringVar(&o.netns, "netns", "all", "network namespaces of the filter: all, self, a NAME under /run/netns, or a PID")
	f.DurationVar(&o.grace, "grace", 10*time.Second, "how long a process may take to end by itself")
	f.BoolVar(&o.force, "force", false, "kill who has not ended by then (SIGKILL)")
	return cmd
}

// killing is a kill under way.
type killing struct {
	sn     *host.Snapshot
	book   *knowledge.Book
	notes  []note
	plan   []doomed
	dryRun bool
	force  bool
	grace  time.Duration
	entry  uint64      // in the record, 0 while there is none
	again  []heldAgain // after the deed
}

// doomed is a process that matches.
type doomed struct {
	*host.Process
	spared act.Why
	result act.Result // its outcome is "" before the deed
	unseen bool       // its sockets could not be counted
	// forbidden is one that the kernel would not let this user end.
	forbidden bool
	parent    *host.Process // who may start it again, nil where that tells nothing
}

func runKill(cmd *cobra.Command, app App, take takeFunc, inspect inspectFunc, o killOptions, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.grace < 0 || o.grace > longestGrace {
		return usage(fmt.Errorf("--grace %v is out of range", o.grace), "take 0s to 1h")
	}
	book, err := bookOf(cmd, app)
	if err != nil {
		return err
	}
	if strings.TrimSpace(filter.Join(args)) == "" {
		return usage(errorOf(book, "act.kill.which", nil), sentence(book, "act.kill.which.hint", nil))
	}
	guard, err := newGuard(book)
	if err != nil {
		return err
	}
	k := &killing{book: book, dryRun: o.dryRun, force: o.force, grace: o.grace}
	asked, err := k.find(cmd, app, take, inspect, o, args)
	if err != nil {
		return err
	}
	var list []*host.Process
	forbidden := 0
	describe := func(sn *host.Snapshot, pid int32) *host.Process {
		if sn.Processes[pid] == nil { // it holds no socket
			p, _ := inspect(pid)
			return p
		}
		return sn.Processes[pid]
	}
	for i := range k.plan {
		k.plan[i].parent = parentOf(k.sn, k.plan[i].Process, guard, describe)
		if k.plan[i].spared = guard.Process(k.plan[i].Process); k.plan[i].spared == act.NoReason {
			list = append(list, k.plan[i].Process)
			if k.plan[i].forbidden = act.Forbidden(k.plan[i].PID); k.plan[i].forbidden {
				forbidden++
			}
		}
	}
	if o.dryRun {
		overLimit(app, book, len(list), o.limit)
		return k.print(app, o.format)
	}
	if len(list) == 0 {
		return k.allSpared()
	}
	if len(list) > o.limit {
		return refusedTo(book, "act.too-many", struct{ Count, Limit int }{len(list), o.limit}, len(list))
	}
	if err := forceOnly(book, o.force, list); err != nil {
		return err
	}
	if forbidden == len(list) { // before a place for the record is asked for
		err := fmt.Errorf("%w: %s", act.ErrNotPermitted, strings.Join(some(list).Names, ", "))
		return failed(err, sentence(book, "act.kill.unpermitted.hint", nil))
	}
	again := func(ctx context.Context) []heldAgain {
		look := func(ctx context.Context) (*host.Snapshot, error) {
			return take(ctx, collect.Options{NetNS: o.netns, SocketsOnly: true, NoInfo: true})
		}
		return k.seekAgain(ctx, guard, look, describe)
	}
	return k.deed(cmd.Context(), app, o, asked, list, again)
}

// deed asks, and ends the processes of the list; again then looks who took their place.
func (k *killing) deed(ctx context.Context, app App, o killOptions, asked string, list []*host.Process, again func(context.Context) []heldAgain) error {
	l, err := o.ledger(k.book)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	show := func() error { return k.describe(app.Stderr, app.Width) }
	if err := consent(ctx, app, k.book, o.yes, show, sentence(k.book, "act.kill.ask", len(list))); err != nil {
		return err
	}
	log, end := systemLog(app, k.book)
	defer end()
	killer := &act.Killer{Ledger: l, Notice: log, Grace: o.grace, Force: o.force}
	entry, results, err := endAll(ctx, killer, asked, list)
	if results == nil {
		return actFailed(k.book, err, true)
	}
	k.entry = entry
	next := 0
	for i := range k.plan {
		if k.plan[i].spared == act.NoReason {
			k.plan[i].result = results[next]
			next++
		}
	}
	if err == nil {
		k.again = again(ctx)
	}
	if err := k.print(app, o.format); err != nil {
		return err
	}
	var notes []note
	for _, h := range k.again {
		notes = append(notes, note{what: k.saysAgain(h)})
	}
	printNotes(app, k.book.Lang(), append(notes, note{what: sentence(k.book, "act.entry", entry)}))
	if err != nil {
		return actFailed(k.book, err, false)
	}
	return k.verdict(o.force)
}

// find fills the plan with the process of that number, or with the holders of the
// filter's sockets. asked is what was meant, for the record.
func (k *killing) find(cmd *cobra.Command, app App, take takeFunc, inspect inspectFunc, o killOptions, args []string) (asked string, err error) {
	if pid, ok := numberOf(args); ok {
		return args[0], k.findOne(cmd, app, take, inspect, pid)
	}
	if err := numbersOnly(k.book); err != nil {
		return "", err
	}
	chosen := selection{netns: o.netns, format: "table"}
	p, e, err := chosen.pick(cmd, app, take, args, true)
	if err != nil {
		return "", err
	}
	if len(p.rows) == 0 {
		return "", nothingSeen(p, k.book, e)
	}
	k.sn, k.notes = p.sn, p.notes
	unheld, seen := 0, map[int32]bool{}
	for _, row := range p.rows {
		held := false
		for _, pid := range p.sn.Owners(&p.sn.Sockets[row]) {
			process := p.sn.Processes[pid]
			if process == nil {
				continue // it has ended since
			}
			if held = true; !seen[pid] {
				seen[pid] = true
				k.plan = append(k.plan, doomed{Process: process})
			}
		}
		if !held {
			unheld++
		}
	}
	if len(k.plan) == 0 {
		err := &exit{code: exitNothing, err: errorOf(k.book, "act.kill.nobody", unheld), hint: sentence(k.book, "act.kill.nobody.hint", nil)}
		if isBlind(p.sn, "no-root") {
			err.hint = sentence(k.book, "act.unseen.hint", nil)
		}
		return "", err
	}
	if unheld > 0 {
		text := sentence(k.book, "act.kill.unheld", struct{ Count, Total int }{unheld, len(p.rows)})
		printNotes(app, k.book.Lang(), []note{{what: text}})
	}
	slices.SortFunc(k.plan, func(a, b doomed) int { return cmp.Compare(a.PID, b.PID) })
	return e.String(), nil
}

// numberOf is a process number that stands alone; no filter is one.
func numberOf(args []string) (int32, bool) {
	if len(args) != 1 {
		return 0, false
	}
	pid, err := strconv.ParseInt(strings.TrimSpace(args[0]), 10, 32)
	return int32(pid), err == nil
}

func (k *killing) findOne(cmd *cobra.Command, app App, take takeFunc, inspect inspectFunc, pid int32) error {
	sn, err := take(cmd.Context(), collect.Options{SocketsOnly: true, NoInfo: true}) // for the number of its sockets
	if socketsUnread && errors.Is(err, collect.ErrNotSupported) {
		sn, err = &host.Snapshot{TakenAt: time.Now()}, nil
	}
	if err != nil {
		return examineError(err)
	}
	k.sn = sn
	process := sn.Processes[pid]
	if process == nil && pid > 0 {
		var unseen []host.BlindSpot
		process, unseen = inspect(pid)
		sn.BlindSpots = append(sn.BlindSpots, unseen...)
	}
	k.notes = notesOf(sn, k.book)
	found := act.LookAt(pid)
	unseen := process != nil && process.Sockets == 0 && found.Shut && sn.Source.OwnersBy != "bpf-iter" // which sees them all
	if unseen {
		k.notes = append(k.notes, note{what: sentence(k.book, "act.kill.uncounted", called(process))})
	}
	printNotes(app, k.book.Lang(), k.notes)
	switch {
	case process == nil:
		return refusedTo(k.book, "act.kill.no-process", pid, nil)
	case found.Leader != 0 && found.Leader != pid:
		leader, _ := inspect(found.Leader)
		if leader == nil {
			leader = &host.Process{PID: found.Leader, Name: process.Name}
		}
		return refusedTo(k.book, "act.kill.thread", struct {
			Thread int32
			Of     string
		}{pid, called(leader)}, found.Leader)
	case found.Over:
		return refusedTo(k.book, "act.kill.over", called(process), process.PPID)
	}
	k.plan = []doomed{{Process: process, unseen: unseen}}
	return nil
}

// allSpared says why nobody is left; of one process why that one is spared.
func (k *killing) allSpared() error {
	e := &exit{code: exitNothing, err: errorOf(k.book, "act.none-left", nil), hint: sentence(k.book, "act.kill.none-left.hint", nil)}
	if len(k.plan) == 1 {
		e.hint = called(k.plan[0].Process) + ": " + k.outcome(&k.plan[0])
	}
	return e
}

func called(p *host.Process) string { return host.Printable(string(appendCalled(nil, p.Name, p.PID))) }
