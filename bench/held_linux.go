package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// connsPerHolder keeps a holder at 12,500 descriptors, well below the 20,000
// that an ordinary limit allows: its use of them is no finding.
const connsPerHolder = 6_250

// leastHolders is how many processes there are at least.
const leastHolders = 12

// heldCase measures every tool on sockets that processes hold.
func heldCase(ctx context.Context, w io.Writer, o options) ([]goal, error) {
	conns := o.sockets / 2
	holders := max(leastHolders, (conns+connsPerHolder-1)/connsPerHolder)
	if err := privateNamespace(); err != nil {
		return nil, err
	}
	progress("%d processes open %s connections", holders, thousands(conns))
	c, err := gather(ctx, 0, holders, conns)
	if err != nil {
		return nil, err
	}
	defer c.dismiss()
	if err := c.tell(orderOpen); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	name := filepath.Base(self) // the holders' name as well
	var said verdict
	report := func(r io.Reader) (_ seen, err error) {
		said, err = readVerdict(r)
		return seen{said.Totals.ByState["ESTABLISHED"], -1}, err
	}
	const one = "--netns=self"
	doctor := []string{o.sockeye, "doctor", "--sample=0", one}
	if _, _, err := looked(ctx, command{args: append(doctor, "--format=json"), check: report}); err != nil {
		return nil, err
	}
	total := func(io.Reader) (seen, error) { return seen{said.Totals.ByState["ESTABLISHED"], -1}, nil }
	estab := linesWith("ESTAB", name)
	all, err := compare(ctx, []command{
		{name: "sockeye list", args: []string{o.sockeye, "list", one}, check: estab},
		{name: "sockeye list, by sock_diag", args: []string{o.sockeye, "list", one, "--sockets-by=sock_diag"}, check: estab},
		{name: "sockeye list, by procfs", args: []string{o.sockeye, "list", one, "--sockets-by=procfs"}, check: estab},
		{name: "sockeye list --format json", args: []string{o.sockeye, "list", one, "--format=json"}, check: estab},
		{name: "sockeye count", args: []string{o.sockeye, "count", one}, check: countOf("ESTABLISHED")},
		{name: "sockeye doctor --sample 0", args: doctor, check: total},
		{name: "ss -tan (no owners)", args: []string{"ss", "-tan"}, check: linesWith("ESTAB", "")},
		{name: "ss -tanp", args: []string{"ss", "-tanp"}, heavy: true, check: estab},
		{name: "netstat -tanp", args: []string{"netstat", "-tanp"}, heavy: true, check: estab},
		{name: "lsof -nP -iTCP", args: []string{"lsof", "-nP", "-iTCP"}, heavy: true, check: estab},
	}, o)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "\n%s sockets held by %d processes, both ends of %s connections\n",
		thousands(2*conns), holders, thousands(conns))
	printRows(w, rowsOf(all, 2*conns))
	fmt.Fprintf(w, "doctor says: %s\n", said.said())
	return heldGoals(all, 2*conns), nil
}

func heldGoals(all []*measured, sockets int) (goals []goal) {
	of := func(name string) *measured {
		for _, m := range all {
			if m.name == name {
				return m
			}
		}
		return &measured{}
	}
	list, n := of("sockeye list"), thousands(sockets)
	s := spreadOf(list.runs)
	goals = append(goals,
		below("list with owners, "+n+" sockets", s.median, 500*time.Millisecond),
		goal{"list, peak memory: at most 150 MB", megabytes(s.peak), s.peak <= 150e6},
		goal{"list shows every socket with its owner", thousands(list.seen.owned), list.seen.owned == sockets})
	for _, other := range []struct {
		name string
		part float64
	}{{"ss -tanp", 50}, {"lsof -nP -iTCP", 10}} {
		if g, ok := share("list against "+other.name, s.median, spreadOf(of(other.name).runs).median, other.part); ok {
			goals = append(goals, g)
		}
	}
	return append(goals, below("doctor --sample 0, "+n+" sockets",
		spreadOf(of("sockeye doctor --sample 0").runs).median, time.Second))
}

// rowsOf makes the table's lines; a tool that saw fewer sockets, or fewer
// owners, than there are is told on.
func rowsOf(all []*measured, sockets int) (rows []row) {
	first := spreadOf(all[0].runs).median
	for _, m := range all {
		r := row{name: m.name, spread: spreadOf(m.runs), runs: len(m.runs), left: m.left}
		if first > 0 {
			r.ratio = float64(r.spread.median) / float64(first)
		}
		switch {
		case m.seen.sockets < 0:
		case m.seen.sockets != sockets:
			r.note = "not all"
			r.amiss = fmt.Sprintf("saw %s sockets where there were %s", thousands(m.seen.sockets), thousands(sockets))
		case m.seen.owned < 0:
			r.note = "all"
		case m.seen.owned != sockets:
			r.note = "all"
			r.amiss = "told the owner of " + thousands(m.seen.owned) + " only"
		default:
			r.note = "all, owners"
		}
		rows = append(rows, r)
	}
	return rows
}
