package act

import (
	"context"
	"errors"

	"sockeye/internal/host"
	"sockeye/internal/ledger"
)

// End ends the processes at once (TerminateProcess), which takes Force, and waits for
// them to be gone, for Grace at most; a result each, in their order, and the number
// of its entry. Each is the one that started when it says (StartTicks), or is left
// alone. asked is what was typed, for the record. Without results nothing was
// touched; ErrOnlyByForce is one reason. It is Kill for a system without signals.
func (k *Killer) End(ctx context.Context, asked string, list []*host.Process) (entry uint64, results []Result, err error) {
	if !k.Force {
		return 0, nil, ErrOnlyByForce
	}
	body := k.record(asked, list)
	e, err := begin(ctx, k.Ledger, KindKill, body)
	if err != nil {
		return 0, nil, err
	}
	results = make([]Result, len(list))
	held := make([]*process, len(list))
	defer func() {
		for _, p := range held {
			if p != nil {
				p.close()
			}
		}
	}()
	for i, p := range list {
		notice(k.Notice, "entry %d: TerminateProcess of process %d (%s), asked for by %s", e.ID, p.PID, p.Name, e.By)
		held[i], err = openProcess(p.PID, p.StartTicks)
		if err == nil {
			err = held[i].kill()
		}
		results[i] = resultOf(err)
	}
	status := ledger.Failed
	if stillRunning(results) { // Windows has begun to end it, however long that takes
		status = ledger.Done
	}
	err = await(ctx, held, results, Killed, k.Grace)
	body.end(results)
	notice(k.Notice, "entry %d: %s", e.ID, body.Totals)
	return e.ID, results, errors.Join(err, k.Ledger.Update(e, status, body))
}
