package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sockeye/internal/knowledge"
	"sockeye/internal/report"
)

func explainText(ctx context.Context, app App, o explainOptions, book *knowledge.Book, args []string, a wanted) error {
	x, err := readArgs(ctx, app, book, args)
	if err == nil {
		err = x.nothing(book)
	}
	var its *exit
	if len(a.entries) > 0 && errors.As(err, &its) && its.code == exitFailed {
		fmt.Fprintln(app.Stderr, "sockeye:", harmless(its.Error()))
		a.name(app, book)
		return printEntries(app, o, book, a.entries)
	}
	if err != nil {
		return err
	}
	for _, l := range x.left[:min(len(x.left), mostLeft)] {
		l.tell(app, x)
	}
	a.name(app, book)
	for _, w := range a.unknown[:min(len(a.unknown), mostLeft)] {
		x.blind(w, sentence(book, "explain.no-file-no-name", []string{harmless(w)}))
	}
	if e := x.message(book); e != nil && o.format != "json" && len(a.entries) == 0 {
		return printEntries(app, o, book, []*knowledge.Entry{e})
	}
	x.asked = a
	return unlessOver(ctx, func() error { return explain(app, o, book, x) })
}

// unlessOver does what cannot be called back, and ends as soon as ctx does: the
// program ends then.
func unlessOver(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return &exit{code: exitInterrupted}
	}
}

// message is the entry of a text that is one bare error message and its stack trace:
// no log and no table, only what somebody copied to ask what it means. Nil for others.
func (x *explained) message(book *knowledge.Book) *knowledge.Entry {
	if len(x.pasted.Parts) > 0 || len(x.symptoms) != 1 || len(x.left) > 0 {
		return nil
	}
	s := &x.symptoms[0]
	if s.Count > 1 || !s.First.IsZero() || len(s.PIDs) > 0 || x.prose.Len() > mostMessage {
		return nil
	}
	first := true
	for line := range strings.Lines(x.prose.String()) {
		switch text := strings.TrimSpace(line); {
		case text == "":
		case first && strings.Contains(text, s.Example):
			first = false
		case first || !ofTrace(line):
			return nil
		}
	}
	e, _ := book.Lookup(s.Example)
	return e
}

// mostMessage is how long a message with its stack trace may be.
const mostMessage = 64 << 10

// ofTrace: the lines of a stack trace are indented, or begin as Java's do.
func ofTrace(line string) bool {
	for _, begin := range []string{" ", "\t", "at ", "Caused by: ", "... "} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// nothing tells why there is nothing to tell; nil when there is something.
func (x *explained) nothing(book *knowledge.Book) error {
	if x.empty() {
		return refusal(exitFailed, book, "empty", nil)
	}
	for _, p := range x.pasted.Parts {
		if p.Rows > 0 {
			return nil
		}
	}
	if len(x.symptoms) > 0 || len(book.Mentions(x.prose.String())) > 0 {
		return nil
	}
	for _, p := range x.pasted.Parts {
		if p.Bad > 0 {
			return refusal(exitFailed, book, "bad-lines", p)
		}
	}
	return refusal(exitFailed, book, "nothing-known", nil)
}

func (x *explained) empty() bool { return x.pasted.Lines == 0 && len(x.pasted.Parts) == 0 }

func explainStates(ctx context.Context, app App, o explainOptions, book *knowledge.Book, args []string) error {
	if o.format != "text" {
		return refusal(exitUsage, book, "states-are-text", nil)
	}
	files, words := parted(args)
	if len(args) > 0 && len(files) == 0 {
		return refusal(exitUsage, book, "states-no-file", strconv.Quote(args[0]))
	}
	if len(args) == 0 && isTerminal(app.Stdin) {
		return printed(report.States(app.Stdout, nil, book, textOptions(app, o)))
	}
	x, err := readArgs(ctx, app, book, files)
	if err != nil {
		return err
	}
	for _, l := range x.left[:min(len(x.left), mostLeft)] {
		l.tell(app, x)
	}
	wanted{unknown: words}.name(app, book)
	counts := x.pasted.States()
	switch {
	case len(args) == 0 && x.empty(): // no pipe, or nothing in it
		counts = nil
	case len(counts) == 0:
		if err := x.nothing(book); err != nil {
			return err
		}
		return refusal(exitFailed, book, "states-none", nil)
	}
	return printed(report.States(app.Stdout, counts, book, textOptions(app, o)))
}
