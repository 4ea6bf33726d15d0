package cli

import (
	"errors"

	"sockeye/internal/act"
	"sockeye/internal/host"
)

// verdict is the exit code of what came of it.
func (k *killing) verdict(forced bool) error {
	var running, stopped []*host.Process
	for _, p := range k.plan {
		switch {
		case p.result.Outcome == act.Running:
			running = append(running, p.Process)
			if errors.Is(p.result.Err, act.ErrStopped) {
				stopped = append(stopped, p.Process)
			}
		case p.result.Outcome != act.Refused:
		case errors.Is(p.result.Err, act.ErrNotPermitted):
			return failed(p.result.Err, sentence(k.book, "act.kill.unpermitted.hint", nil))
		default:
			return failed(p.result.Err, "")
		}
	}
	switch {
	case len(running) > 0 && forced:
		return &exit{code: exitFailed, err: errorOf(k.book, "act.kill.running", some(running))}
	case len(stopped) > 0 && len(stopped) == len(running):
		var pids []int32
		for _, p := range stopped {
			pids = append(pids, p.PID)
		}
		return &exit{code: exitNothing, err: errorOf(k.book, "act.kill.stopped", some(stopped)), hint: sentence(k.book, "act.stopped.hint", pids)}
	case len(running) > 0:
		return &exit{code: exitNothing, err: errorOf(k.book, "act.kill.running", some(running)), hint: sentence(k.book, "act.running.hint", nil)}
	}
	return nil
}

// several are the first of some processes, and how many more there are.
type several struct {
	Names     []string
	More, All int
}

func some(list []*host.Process) (s several) {
	const most = 5
	for _, p := range list[:min(most, len(list))] {
		s.Names = append(s.Names, called(p))
	}
	s.More, s.All = len(list)-len(s.Names), len(list)
	return s
}
