package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
)

const (
	topName   = "sockeye trace --top"
	plainName = "  the same, --no-stacks"
)

// tracer is the tracer as it runs all day: it counts in the kernel and tells
// each second what it counted.
func (o *options) tracer() variant {
	return variant{name: topName, rows: true, args: []string{o.sockeye, "trace", "--top", "--format=ndjson"}}
}

// essential is what is compared on every churn.
func (o *options) essential() []variant {
	top := o.tracer()
	return []variant{
		{name: "nothing (the noise)"},
		{name: "programs that do nothing", hook: hookEmpty},
		top,
		{name: plainName, rows: true, args: append(top.args[:len(top.args):len(top.args)], "--no-stacks")},
	}
}

// all is everything that is compared.
func (o *options) all() []variant {
	return append(o.essential(), []variant{
		{name: "sockeye trace --failures", rows: true, args: []string{o.sockeye, "trace", "--failures", "--format=ndjson"}},
		{name: "sockeye trace --lives", args: []string{o.sockeye, "trace", "--lives"}},
		{name: "bpftrace, each life", args: []string{"bpftrace", "-e", livesScript}},
		{name: "sockeye trace", args: []string{o.sockeye, "trace"}},
		{name: "bpftrace, each state", args: []string{"bpftrace", "-e", statesScript}},
	}...)
}

// tracing is the part that measures the tracer: what it costs, what it
// remembers, what memory it takes.
func tracing(ctx context.Context, out *bufio.Writer, o options) (goals []goal, err error) {
	lacking, err := privateMounts()
	if err != nil {
		return nil, err
	}
	for _, what := range lacking {
		progress("cannot mount %s", what)
	}
	for _, c := range []struct {
		name   string
		wanted bool
		run    func(context.Context, io.Writer, options) ([]goal, error)
	}{
		{"churn", o.pairs > 0, churnCase},
		{"memory of a churn", true, churnMemory},
		{"memory of the tracer", o.held > 0, footprintCase},
	} {
		if !c.wanted {
			continue
		}
		g, err := c.run(ctx, out, o)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if err != nil { // what was measured before is worth printing
			fmt.Fprintf(out, "\n%s: not measured: %v\n", c.name, err)
			g = []goal{{c.name, "not measured", false}}
		}
		goals = append(goals, g...)
		_ = out.Flush() // it keeps its error for the last
	}
	return goals, nil
}

// churnCase compares the variants on churns that go on all the time.
func churnCase(ctx context.Context, w io.Writer, o options) ([]goal, error) {
	bare, err := compareOn(ctx, w, o, "bare churn", bareChurn, o.all())
	if err != nil {
		return nil, err
	}
	ordinary, err := compareOn(ctx, w, o, "Go churn", goChurn, o.essential())
	return append(bare, ordinary...), err
}

// describe says what a kind of churn does.
var describe = map[string]string{
	bareChurn: "by bare system calls",
	goChurn:   "by Go's net package",
}

func compareOn(ctx context.Context, w io.Writer, o options, what, kind string, variants []variant) ([]goal, error) {
	if err := privateNamespace(); err != nil {
		return nil, err
	}
	processors := runtime.NumCPU()
	c, err := startChurn(ctx, kind, processors)
	if err != nil {
		return nil, err
	}
	defer c.kill()
	progress("%s: warming up", what)
	waiting, err := c.warm(ctx)
	if err != nil {
		return nil, err
	}
	all, err := measurePairs(ctx, c, variants, o)
	if err != nil {
		return nil, err
	}
	if _, err := c.rest(ctx); err != nil {
		return nil, err
	}
	var without, cost []float64
	rows, named := make([]pairRow, 0, len(all)), map[string]pairRow{}
	for _, p := range all {
		for _, m := range p.without {
			without, cost = append(without, m.rate), append(cost, m.cost)
		}
		rows = append(rows, p.row())
		named[p.name] = p.row()
	}
	alone := rangeOf(without)
	fmt.Fprintf(w, "\nChurn on loopback %s: %d clients connect and close, %d servers accept; %s sockets in TIME_WAIT\n",
		describe[kind], processors, processors, thousands(waiting))
	fmt.Fprintf(w, "%s connections/s without a tracer (%s to %s), %.1f µs each; turns of %s with and without, ABBA\n",
		thousands(int(alone.median)), thousands(int(alone.least)), thousands(int(alone.most)), 1e6*rangeOf(cost).median, short(o.turn))
	printPairs(w, rows)
	fmt.Fprintf(w, "lost is counted over all turns; bpftrace's, which it prints among its output, in one before them\n")
	for _, p := range all {
		if said := p.told.sampling.said(); said != "" {
			fmt.Fprintf(w, "%s: %s\n", strings.TrimSpace(p.name), said)
		}
	}
	return churnGoals(what, named[topName], named[plainName], rangeOf(cost).median), nil
}
