package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp/filter"
	"sockeye/internal/trace"
)

// say chooses the language of a sentence.
func (o *traceOptions) say(en, zh string) string {
	if o.lang == "zh" {
		return zh
	}
	return en
}

// prepare reads what was asked for, before anything is attached.
func (o *traceOptions) prepare(cmd *cobra.Command, app App, args []string) (err error) {
	if o.lang, err = language(cmd, app); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.expr, err = parseFilter(args, o.lang); err != nil {
		return err
	}
	return o.checkFilter()
}

func (o *traceOptions) check() error {
	see := o.say("see 'sockeye trace --help'", "参见 'sockeye trace --help'")
	switch {
	case b2i(o.lives)+b2i(o.failures)+b2i(o.top) > 1:
		return usage(errors.New(o.say("choose one of --lives, --failures and --top", "--lives、--failures 和 --top 只能选一个")), see)
	case o.duration < 0:
		return usage(fmt.Errorf(o.say("--duration %v is out of range", "--duration %v 超出范围"), o.duration),
			o.say("take 0 (until Ctrl-C) or more, such as 10s", "请用 0（直到 Ctrl-C）或更大的值，例如 10s"))
	case o.count < 0:
		return usage(fmt.Errorf(o.say("--count %d is out of range", "--count %d 超出范围"), o.count),
			o.say("take 0 (until Ctrl-C) or more", "请用 0（直到 Ctrl-C）或更大的值"))
	case o.format != "text" && o.format != "ndjson":
		return usage(fmt.Errorf(o.say("unknown format %q", "未知的格式 %q"), o.format),
			o.say("--format takes text or ndjson: a stream has no end that a json document could close",
				"--format 可以是 text 或 ndjson：事件流没有结尾，无法构成一个完整的 json 文档"))
	case o.netns == "" && o.lang == "zh":
		return usage(errors.New("--netns 为空"), "--netns 可以是 all、self、'ip netns list' 列出的名称，或 pid")
	}
	return checkNetNS(o.netns)
}

// checkFilter refuses what no event, or no flow, can answer: it would match nothing.
func (o *traceOptions) checkFilter() error {
	words := []string{"recvq", "sendq", "user", "uid", "inode", "dev", "fwmark", "autobound"}
	of := o.say("events", "事件")
	if o.top {
		words, of = append(words, "state", "age", "closer", "cookie"), o.say("flows", "连接流（--top）")
	}
	for _, w := range words {
		if filter.Uses(o.expr, w) {
			return usage(fmt.Errorf(o.say("%s is not known of %s, so that no filter can ask for it", "%[2]s没有 %[1]s 这一项，不能用它筛选"), w, of),
				o.say("see 'sockeye trace --help'", "参见 'sockeye trace --help'"))
		}
	}
	for _, name := range filter.Values(o.expr, "netns") {
		if _, err := strconv.ParseUint(name, 10, 64); err != nil {
			return usage(errors.New(o.say("netns takes a number here", "netns 在这里只接受编号")),
				o.say("to trace one namespace by name: --netns ", "按名称跟踪一个命名空间：--netns ")+name)
		}
	}
	return nil
}

func (o *traceOptions) greet(app App, t tracer) {
	for _, n := range t.Notes() {
		fmt.Fprintln(app.Stderr, o.say("note: ", "注意：")+host.Printable(oneLine(n)))
	}
	if app.StderrTTY {
		fmt.Fprintln(app.Stderr, o.say("tracing TCP; Ctrl-C ends it", "正在跟踪 TCP；按 Ctrl-C 结束"))
	}
}

// tellLosses says how much of what happened is missing in what was printed.
func (o *traceOptions) tellLosses(app App, lost uint64) {
	n := knowledge.Number(lost)
	switch {
	case lost == 0:
	case o.top:
		fmt.Fprintf(app.Stderr, o.say("the counts had no room for %s events: what is shown above is at least so\n",
			"有 %s 个事件没有计数的空间：以上数字只是下限\n"), n)
	case lost == 1 && o.lang != "zh":
		fmt.Fprintln(app.Stderr, "1 event was lost: more came than could be read, so the lines above are not all")
	default:
		fmt.Fprintf(app.Stderr, o.say("%s events were lost: more came than could be read, so the lines above are not all\n",
			"丢失了 %s 个事件：产生得比读取得快，以上输出不完整\n"), n)
	}
}

// tellShortages says what the kernel side had no room for.
func (o *traceOptions) tellShortages(app App, list []shortage) {
	for _, s := range list {
		if s.count > 0 {
			fmt.Fprintf(app.Stderr, o.say("note: ", "注意：")+o.say(s.en, s.zh)+"\n", knowledge.Number(s.count))
		}
	}
}

// nothing is the end of a trace that printed no line.
func (o *traceOptions) nothing() error {
	what, zh := "no event was seen", "没有看到任何事件"
	switch {
	case o.lives:
		what, zh = "no connection ended", "没有连接结束"
	case o.failures:
		what, zh = "nothing failed", "没有任何失败"
	case o.top:
		what, zh = "no connection was opened, and none ended", "没有连接打开，也没有连接结束"
	}
	if text := o.expr.String(); text != "" {
		what += " that matches: " + text
		zh += "（筛选条件：" + text + "）"
	}
	return &exit{code: exitNothing, err: errors.New(o.say(what, zh))}
}

// attachError explains why nothing can be traced.
func (o *traceOptions) attachError(err error) error {
	if o.lang != "zh" {
		return attachErrorEnglish(err)
	}
	hint := ""
	switch {
	case errors.Is(err, context.Canceled):
		return failed(errors.New("还没有看到任何东西就被中断了"), "")
	case errors.Is(err, trace.ErrNoPrivilege), errors.Is(err, collect.ErrNotPermitted):
		hint = "请以 root 运行：sudo sockeye trace"
	case errors.Is(err, trace.ErrNotSupported):
		hint = "没有它，list、count 和 doctor 仍可使用；只是无法得知谁打开了连接、什么失败了"
	case errors.Is(err, collect.ErrUnknownNetNS):
		hint = "--netns 可以是 all、self、'ip netns list' 列出的名称，或其中一个进程的 pid"
	}
	return failed(fmt.Errorf("无法跟踪：%w", err), hint)
}

func attachErrorEnglish(err error) error {
	switch {
	case errors.Is(err, trace.ErrNoPrivilege):
		return failed(err, "run it as root: sudo sockeye trace")
	case errors.Is(err, trace.ErrNotSupported):
		return failed(err, "list, count and doctor work without it; only who opened, and what failed, stays unknown")
	case errors.Is(err, collect.ErrUnknownNetNS), errors.Is(err, collect.ErrNotPermitted), errors.Is(err, context.Canceled):
		return examineError(err)
	}
	return failed(fmt.Errorf("attaching the tracer: %w", err), "")
}
