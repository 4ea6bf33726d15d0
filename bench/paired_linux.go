package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// paired is a variant with its turns: with[i] and without[i] are neighbours in time.
type paired struct {
	variant
	with, without []measure
	told          told   // losses of all turns, the first look too; the rest as in the last
	left          string // why there is nothing, or no more, to tell
}

// settle is the part of a turn before its measured part: what comes and goes
// with a tracer is then over.
const settle = 300 * time.Millisecond

// measurePairs takes turns of the churn with and without each variant, all of
// them in every round, so that a noisy minute hits all. Of two rounds the second
// has each pair the other way round (ABBA): a drift hits both halves alike.
func measurePairs(ctx context.Context, c *churn, variants []variant, o options) ([]*paired, error) {
	all := make([]*paired, 0, len(variants))
	for _, v := range variants {
		p := &paired{variant: v}
		all = append(all, p)
		if err := p.look(ctx, c, o.turn); err != nil {
			return nil, err
		}
	}
	for round := range o.pairs {
		progress("churn: round %d of %d", round+1, o.pairs)
		for _, p := range all {
			if p.left != "" {
				continue
			}
			if err := p.pair(ctx, c, o.turn, round%2 == 1); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// pair measures a turn with and one without. Errors of the variant's process
// are kept, those of the churn are returned.
func (p *paired) pair(ctx context.Context, c *churn, length time.Duration, withFirst bool) error {
	var with, without measure
	for _, attach := range []bool{withFirst, !withFirst} {
		var err error
		if attach {
			with, err = p.turnWith(ctx, c, length, false)
		} else {
			without, err = turn(ctx, c, length, nil)
		}
		if err != nil {
			return p.leave(ctx, err)
		}
	}
	p.with, p.without = append(p.with, with), append(p.without, without)
	return nil
}

// look is a turn that does not count, with the output kept: there bpftrace says
// what it lost. It also warms the files of the program.
func (p *paired) look(ctx context.Context, c *churn, length time.Duration) error {
	if p.args == nil {
		return nil
	}
	progress("first look: %s", p.name)
	if _, err := p.turnWith(ctx, c, length, true); err != nil {
		return p.leave(ctx, err)
	}
	return nil
}

// leave keeps what went wrong with the variant's process, and returns any other error.
func (p *paired) leave(ctx context.Context, err error) error {
	var its agentError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &its):
		return err
	case len(p.with) > 0:
		p.left = fmt.Sprintf("ended after %d pairs: %v", len(p.with), its)
	default:
		p.left = its.Error()
	}
	return nil
}

// agentError is what went wrong with a variant's process.
type agentError struct{ error }

func (e agentError) Unwrap() error { return e.error }

func (p *paired) turnWith(ctx context.Context, c *churn, length time.Duration, keep bool) (measure, error) {
	if p.hook != nil {
		return p.turnHooked(ctx, c, length)
	}
	if p.args == nil {
		return turn(ctx, c, length, nil)
	}
	a, err := attached(ctx, &p.variant, keep)
	if err != nil {
		return measure{}, agentError{err}
	}
	m, err := turn(ctx, c, length, a)
	said, bad := a.detach()
	if err != nil {
		return m, err
	}
	if bad != nil {
		return m, agentError{bad}
	}
	said.lost += p.told.lost
	p.told = said
	return m, nil
}

func (p *paired) turnHooked(ctx context.Context, c *churn, length time.Duration) (measure, error) {
	h, err := p.hook()
	if err != nil {
		return measure{}, agentError{err}
	}
	m, err := turn(ctx, c, length, nil)
	return m, errors.Join(err, h.unhook())
}

// turn measures the churn over a while, and the agent if there is one.
func turn(ctx context.Context, c *churn, length time.Duration, a *agent) (m measure, err error) {
	if err := pass(ctx, settle); err != nil {
		return m, err
	}
	begin, err := gauge(c, a)
	if err != nil {
		return m, err
	}
	if err := pass(ctx, length); err != nil {
		return m, err
	}
	end, err := gauge(c, a)
	if err != nil {
		return m, err
	}
	made, lasted := float64(end.made-begin.made), end.at.Sub(begin.at).Seconds()
	if made == 0 {
		return m, errors.New("the churn stands still")
	}
	agent := (end.agent - begin.agent).Seconds()
	return measure{rate: made / lasted, agent: agent / lasted,
		cost: ((end.churn - begin.churn).Seconds() + agent) / made}, nil
}

// gauges are what only grows.
type gauges struct {
	at           time.Time
	made         uint64
	churn, agent time.Duration // processor time
}

func gauge(c *churn, a *agent) (g gauges, err error) {
	if g.churn, err = c.cpu(); err != nil {
		return g, err
	}
	if a != nil {
		if g.agent, err = a.cpu(); err != nil {
			return g, agentError{err}
		}
	}
	g.made, g.at = c.made(), time.Now()
	return g, nil
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// row makes a line of the table.
func (p *paired) row() pairRow {
	return pairRow{name: p.name, pairs: comparePairs(p.with, p.without),
		attached: p.args != nil, lost: p.told.lost, left: p.left}
}
