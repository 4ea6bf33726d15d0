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

// asks says which answers of a tracer a command wants.
type asks struct{ opener, closer bool }

// asksMemory reads that from the filter and from the fields of --by or --sort.
func asksMemory(e filter.Expr, fields []string) asks {
	a := asks{filter.Uses(e, openerWords...), filter.Uses(e, "closer")}
	for _, name := range fields {
		switch name {
		case "opener", "opener-pid", "code":
			a.opener = true
		case "closer":
			a.closer = true
		}
	}
	return a
}

var openerWords = []string{"opener", "code"}

// missMemory prepares a hint for who asks for what only a tracer remembers while
// none runs, or while its memory cannot be joined to the sockets.
func (p *picked) missMemory(a asks) {
	zh := p.lang == "zh"
	switch {
	case p.hint != "" || !a.opener && !a.closer:
	case p.sn.Lives != nil && p.sn.Source.SocketsBy == "procfs" && zh:
		p.hint = "procfs 不显示套接字的 cookie，因此无法与 sockeye trace 的记忆对应"
	case p.sn.Lives != nil && p.sn.Source.SocketsBy == "procfs":
		p.hint = "procfs shows no cookies of sockets, so that what 'sockeye trace' remembers cannot be joined to them"
	case p.sn.Lives != nil:
	case a.opener && zh:
		p.hint = "只有运行中的 sockeye trace 才记得是谁打开了连接；请先（以 root）启动它"
	case a.opener:
		p.hint = "only a running 'sockeye trace' remembers who opened; start it first (as root)"
	case zh:
		p.hint = "这里的 closer 只是由状态推断；运行中的 sockeye trace 才会亲眼看到谁先关闭"
	default:
		p.hint = "here only the state tells who closed first; a running 'sockeye trace' sees it happen"
	}
}

// printHint says the hint, where there is an answer that it does not end.
func (p *picked) printHint(app App) {
	if p.hint == "" || len(p.rows) == 0 {
		return
	}
	label := "hint: "
	if p.lang == "zh" {
		label = "提示："
	}
	fmt.Fprintln(app.Stderr, label+harmless(p.hint))
}
