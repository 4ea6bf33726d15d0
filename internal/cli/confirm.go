package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"sockeye/internal/knowledge"
)

// confirmed asks on the terminal and waits for an answer: only "yes" is one. The
// end of the input is a no; of ctx it is none.
func confirmed(ctx context.Context, app App, question string) (bool, error) {
	fmt.Fprint(app.Stderr, question, " ")
	answer := make(chan string, 1)
	go func() { // a read of a terminal ends by nothing but an answer
		const longest = 100
		line, _ := bufio.NewReader(io.LimitReader(app.Stdin, longest)).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.EqualFold(strings.TrimSpace(line), "yes"), nil
	case <-ctx.Done():
		fmt.Fprintln(app.Stderr)
		return false, &exit{code: exitInterrupted}
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
	ok, err := confirmed(ctx, app, question)
	if err == nil && !ok {
		err = refusedTo(book, "act.declined", nil, nil)
	}
	return err
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
