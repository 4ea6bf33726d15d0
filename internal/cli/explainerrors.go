package cli

import (
	"errors"
	"fmt"

	"sockeye/internal/knowledge"
)

// sentence is one of the book, about v; its absence is a bug that tests find.
func sentence(book *knowledge.Book, key string, v any) string {
	s, err := book.Word(here(key), v)
	if err != nil {
		return key
	}
	return s
}

// refusal ends explain with a code and the sentence explain.KEY of the book about v;
// what to do about it is explain.KEY.hint.
func refusal(code int, book *knowledge.Book, key string, v any) error {
	key = "explain." + key
	return &exit{code: code, err: errors.New(sentence(book, key, v)), hint: sentence(book, key+".hint", v)}
}

// unreadable says that a file, or what comes in ("-"), could not be read, and keeps why.
func unreadable(book *knowledge.Book, name string, cause error) error {
	return fmt.Errorf("%s: %w", sentence(book, "explain.cannot-read", name), plainCause(cause))
}
