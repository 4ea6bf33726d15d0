package cli

import (
	"context"
	"fmt"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp/filter"
)

// memoryFunc fills Lives and Remembered of a snapshot from the tracer that runs
// on this machine; without one it leaves them as they are. What it could not
// read it adds to the blind spots.
type memoryFunc func(*host.Snapshot)

// remembering is take with the tracer's memory of the sockets that take sees.
func remembering(take takeFunc, remember memoryFunc) takeFunc {
	if remember == nil {
		return take
	}
	return func(ctx context.Context, o collect.Options) (*host.Snapshot, error) {
		sn, err := take(ctx, o)
		if err == nil {
			remember(sn)
		}
		return sn, err
	}
}

// missMemory prepares a hint for who asks for what only a tracer remembers while
// none runs. asked are the fields of --by or --sort.
func (p *picked) missMemory(e filter.Expr, asked []string) {
	if p.sn.Lives != nil {
		return
	}
	opener, closer := filter.Uses(e, "opener", "code"), filter.Uses(e, "closer")
	for _, name := range asked {
		switch name {
		case "opener", "opener-pid", "code":
			opener = true
		case "closer":
			closer = true
		}
	}
	zh := p.lang == "zh"
	switch {
	case opener && zh:
		p.hint = "只有运行中的 sockeye trace 才记得是谁打开了连接；请先（以 root）启动它"
	case opener:
		p.hint = "only a running 'sockeye trace' remembers who opened; start it first (as root)"
	case closer && zh:
		p.hint = "这里的 closer 只是由状态推断；运行中的 sockeye trace 才会亲眼看到谁先关闭"
	case closer:
		p.hint = "here only the state tells who closed first; a running 'sockeye trace' sees it happen"
	}
}

// printHint says the hint, where there is an answer that it does not end.
func (p *picked) printHint(app App) {
	if p.hint != "" && len(p.rows) > 0 {
		fmt.Fprintln(app.Stderr, "hint:", p.hint)
	}
}
