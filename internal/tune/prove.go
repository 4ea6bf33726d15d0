package tune

import (
	"context"
	"errors"
	"strconv"
	"time"

	"sockeye/internal/tcp"
)

// Verdict is what watching a symptom came to.
type Verdict struct {
	Fell  bool
	Looks int
	Last  int // rank of the symptom in the last look, 0 gone
}

// What shows that a symptom fell: so many looks in a row, over so large a part of the
// time that one may watch. One look may fall between two bursts, and a limit that was
// just widened is not full at once, whatever fills it.
const (
	provenBy   = 2
	provenPart = 6
	paces      = 60 // looks are no closer to one another than that part of the time
)

// Prove watches a symptom after a change. look examines the machine, for as long
// as its sample takes, and returns how bad the symptom is, 0 where it is gone.
// before is what it was without the change. It returns as soon as the symptom has
// fallen for a while, and when the time is over at the latest. The error is look's,
// or ctx's.
func Prove(ctx context.Context, window time.Duration, before int, look func(context.Context) (rank int, err error)) (Verdict, error) {
	watching, stop := context.WithTimeout(ctx, window)
	defer stop()
	pace := time.NewTicker(max(window/paces, 1))
	defer pace.Stop()
	var v Verdict
	var since time.Time // of the first look that it had fallen in
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
		switch {
		case rank >= before:
			fell = 0
		case fell == 0:
			fell, since = 1, time.Now()
		default:
			fell++
		}
		if fell >= provenBy && time.Since(since) >= window/provenPart {
			v.Fell = true
			return v, nil
		}
		select {
		case <-pace.C:
		case <-watching.Done():
		}
	}
	return v, ctx.Err()
}

// retryLongest is how long a connection waits at most before it repeats data and is
// measured by a new number of repeats (TCP_RTO_MAX, include/net/tcp.h, v6.18).
const retryLongest = 2 * time.Minute

// Settles is how long it takes at most until a change can make its finding fall: what
// was there before it ends by the old rule. ok is false where that is until a program,
// a connection or the machine begins anew, which may be never.
func (c Change) Settles() (d time.Duration, ok bool) {
	switch c.Reason {
	case "somaxconn", // net/socket.c __sys_listen_socket, v6.18: read in listen() only
		"nr-open", "buffers-back",
		"keepalive-time", "keepalive-intvl", "keepalive-probes": // idle connections have hours left
		return 0, false
	case "retries2", "orphan-retries":
		return retryLongest, true
	case "timestamps-back": // TIME_WAITs without one cannot be taken back by tcp_tw_reuse
		return tcp.TimeWaitLen, true
	case "fin-timeout", "conntrack-time": // those that wait already wait for what it was, in seconds
		was, err := strconv.ParseUint(c.From, 10, 31)
		return time.Duration(was) * time.Second, err == nil
	}
	return 0, c.Kind == ""
}

// ShowsWithin reports whether a change can make its finding fall within a time, and
// still leave the part of it for which that must stay so. That a finding stays says
// nothing of one that cannot.
func (c Change) ShowsWithin(window time.Duration) bool {
	d, ok := c.Settles()
	return ok && d < window-window/provenPart
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
	r.Proof, r.Proving = proof, false
	return t.Ledger.Update(e, e.Status, r)
}

// Disturbed tells which changes of an entry are not in force any more, as somebody
// else changed them: what was seen meanwhile says nothing of them.
func (t *Tuner) Disturbed(id uint64) (drifted []Drift) {
	e, err := t.Ledger.Entry(id)
	if err != nil {
		return nil
	}
	r, err := recordOf(e)
	if err != nil {
		return nil
	}
	for _, c := range r.Changes {
		if s := t.stands(entryRecord{e, r}, c); s.How == Drifted {
			drifted = append(drifted, Drift{c.Setting, c.NetNS, s.Host, *s.Now, c.From, c.To})
		}
	}
	return drifted
}
