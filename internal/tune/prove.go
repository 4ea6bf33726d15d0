package tune

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Verdict is what watching a symptom came to.
type Verdict struct {
	Fell  bool
	Looks int
	Last  int // rank of the symptom in the last look, 0 gone
}

// provenBy is how many looks in a row must show that the symptom fell: one may
// fall between two bursts.
const provenBy = 2

// Prove watches a symptom after a change. look examines the machine, for as long
// as its sample takes, and returns how bad the symptom is, 0 where it is gone.
// before is what it was without the change. It returns as soon as the symptom has
// fallen, and when the time is over at the latest. The error is look's, or ctx's.
func Prove(ctx context.Context, window time.Duration, before int, look func(context.Context) (rank int, err error)) (Verdict, error) {
	watching, stop := context.WithTimeout(ctx, window)
	defer stop()
	var v Verdict
	for fell := 0; watching.Err() == nil; {
		rank, err := look(watching)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return v, nil
		case err != nil:
			return v, err
		}
		v.Looks++
		v.Last = rank
		if rank >= before {
			fell = 0
		} else if fell++; fell == provenBy {
			v.Fell = true
			return v, nil
		}
	}
	return v, ctx.Err()
}

// retryLongest is how long a connection waits at most before it repeats data and is
// measured by a new tcp_retries2 (TCP_RTO_MAX, include/net/tcp.h, v6.18).
const retryLongest = 2 * time.Minute

// ShowsWithin reports whether a change can make its finding fall within a time. What
// counts only when a program does something anew, or when the machine does, cannot:
// that the finding stays says nothing of it.
func (c Change) ShowsWithin(window time.Duration) bool {
	switch c.Reason {
	case "somaxconn", // net/socket.c __sys_listen_socket, v6.18: read in listen() only
		"nr-open", "keepalive-time":
		return false
	case "retries2":
		return window > retryLongest
	case "fin-timeout": // those that wait already wait for what it was
		was, err := strconv.ParseUint(c.From, 10, 32)
		return err == nil && window > time.Duration(was)*time.Second
	}
	return c.Kind == ""
}

// Proven writes into an entry what came of watching it.
func (t *Tuner) Proven(ctx context.Context, id uint64, proof string) error {
	unlock, err := t.Ledger.LockWithin(ctx, patience)
	if err != nil {
		return err
	}
	defer unlock()
	e, err := t.Ledger.Entry(id)
	if err != nil {
		return err
	}
	r, err := recordOf(e)
	if err != nil {
		return err
	}
	r.Proof = proof
	return t.Ledger.Update(e, e.Status, r)
}
