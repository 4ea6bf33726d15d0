package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"sockeye/internal/knowledge"
)

// isYes: only the whole word is one.
func isYes(answer string) bool { return strings.EqualFold(answer, "yes") }

// answered asks on the terminal and waits for a line, which comes without blanks
// around it.
func answered(ctx context.Context, app App, question string) (string, error) {
	fmt.Fprint(app.Stderr, question, " ")
	answer := make(chan string, 1)
	go func() { // a read of a terminal ends by nothing but an answer
		const longest = 100
		line, _ := bufio.NewReader(io.LimitReader(app.Stdin, longest)).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.TrimSpace(line), nil
	case <-ctx.Done():
		fmt.Fprintln(app.Stderr)
		return "", &exit{code: exitInterrupted}
	}
}

// consent is a yes to what was shown: --yes, or an answer. show prints what it is
// about, on stderr: stdout is for what came of it.
func consent(ctx context.Context, app App, book *knowledge.Book, yes bool, show func() error, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(app.Stdin) {
		return refusedTo(book, "act.no-terminal", nil, nil)
	}
	if err := show(); err != nil {
		return written(err)
	}
	return agreed(ctx, app, book, question)
}

// agreed asks, and says on a no or an interruption that nothing was done.
func agreed(ctx context.Context, app App, book *knowledge.Book, question string) error {
	answer, err := answered(ctx, app, question)
	switch {
	case err != nil:
		return &exit{code: exitInterrupted, err: errorOf(book, "act.declined", nil)}
	case isYes(answer):
		return nil
	}
	return declined(book, answer)
}

// declined ends a command after any other answer than yes: one that is no plain no
// may have meant it.
func declined(book *knowledge.Book, answer string) error {
	e := &exit{code: exitNothing, err: errorOf(book, "act.declined", nil)}
	answer = strings.TrimSpace(answer)
	if answer != "" && !strings.EqualFold(answer, "n") && !strings.EqualFold(answer, "no") {
		e.hint = sentence(book, "act.declined.whole-word", nil)
	}
	return e
}

// refusedTo ends a command that did nothing, with the words of key and, where
// there are any, of key.hint.
func refusedTo(book *knowledge.Book, key string, v, hint any) error {
	e := &exit{code: exitNothing, err: errorOf(book, key, v)}
	e.hint, _ = book.Word(here(key+".hint"), hint)
	return e
}

// said is an error in the reader's language.
type said string

func (s said) Error() string { return string(s) }

func errorOf(book *knowledge.Book, key string, v any) error { return said(sentence(book, key, v)) }
