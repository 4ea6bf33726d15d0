package tune

import (
	"context"
	"errors"
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
