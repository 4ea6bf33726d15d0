package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
)

// churnMemory has a churn made while the tracer is attached, and then asks
// `list` who opened and who closed.
func churnMemory(ctx context.Context, w io.Writer, o options) ([]goal, error) {
	if err := privateNamespace(); err != nil {
		return nil, err
	}
	v := o.tracer()
	a, err := attached(ctx, &v, true)
	if err != nil {
		return nil, err
	}
	m, err := churnRemembered(ctx, o)
	t, bad := a.detach()
	if err != nil {
		return nil, err
	}
	if bad != nil {
		return nil, bad
	}
	m.print(w)
	if said := t.sampling.said(); said != "" {
		fmt.Fprintln(w, said)
	}
	return m.goals(), nil
}

func churnRemembered(ctx context.Context, o options) (m remembered, err error) {
	c, err := startChurn(ctx, bareChurn, runtime.NumCPU())
	if err != nil {
		return m, err
	}
	defer c.kill()
	clients := c.clients()
	if err := pass(ctx, o.turn); err != nil {
		return m, err
	}
	if _, err := c.rest(ctx); err != nil {
		return m, err
	}
	if m.made, err = timeWaits(); err != nil {
		return m, err
	}
	made := m.made
	_, _, err = looked(ctx, command{
		args: []string{o.sockeye, "list", "state", "time-wait", "--netns=self", "--format=ndjson"},
		check: func(r io.Reader) (_ seen, err error) {
			m, err = readRemembered(r, clients)
			m.made = made
			return seen{m.sockets, m.openers}, err
		}})
	return m, err
}
