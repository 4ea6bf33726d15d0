package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/knowledge"
	"sockeye/internal/report"
)

// wanted is what the words of a command line ask for by name.
type wanted struct {
	entries []*knowledge.Entry
	unknown []string // words that name nothing
}

// askFor looks words up: each by itself, else all of them as one message or question.
// What looks like a file and is none is unknown.
func askFor(book *knowledge.Book, words []string) wanted {
	found, unknown := book.LookupEach(strings.Join(words, " "))
	if len(unknown) == 0 {
		return wanted{entries: found}
	}
	var a wanted
	var rest []string
	for _, w := range words {
		if _, lost := book.LookupEach(w); len(lost) > 0 && looksLikeFile(w) {
			a.unknown = append(a.unknown, w)
		} else {
			rest = append(rest, w)
		}
	}
	switch e, ok := book.Lookup(strings.Join(rest, " ")); {
	case ok:
		a.entries = []*knowledge.Entry{e}
	case len(unknown) == len(a.unknown):
		a.entries = found
	}
	return a
}

// askBeside is askFor where the other words are files: each word that names nothing
// may be a file whose name has a typing error.
func askBeside(book *knowledge.Book, words []string) wanted {
	found, unknown := book.LookupEach(strings.Join(words, " "))
	if len(found) == 0 {
		if e, ok := book.Lookup(strings.Join(words, " ")); ok {
			return wanted{entries: []*knowledge.Entry{e}}
		}
	}
	a := wanted{entries: found}
	for _, w := range words {
		if slices.ContainsFunc(unknown, func(part string) bool { return strings.Contains(w, part) }) {
			a.unknown = append(a.unknown, w)
		}
	}
	return a
}

// mostWhole is of how many things that a question mentions the whole entry is printed;
// of more it is a sentence each.
const mostWhole = 3

// explainWords looks words up; when they are no entry's name they may be an error
// message.
func explainWords(ctx context.Context, app App, o explainOptions, book *knowledge.Book, words []string) error {
	all := strings.Join(words, " ")
	var a wanted
	if !strings.Contains(all, "\n") { // several lines are a text, whatever it mentions
		if a = askFor(book, words); len(a.entries) > 0 {
			a.name(app, book)
			return printEntries(app, o, book, a.entries)
		}
	}
	x, err := read(ctx, app, book, []input{textInput(all)})
	if err != nil {
		return err
	}
	if len(x.symptoms) > 0 || len(x.pasted.Parts) > 0 {
		return unlessOver(ctx, func() error { return explain(app, o, book, x) })
	}
	found := book.Mentions(all)
	if len(found) == 0 {
		return unknownWords(app, o, book, all)
	}
	a.name(app, book)
	if len(found) > mostWhole { // an article
		return unlessOver(ctx, func() error { return explain(app, o, book, x) })
	}
	for _, m := range found {
		a.entries = append(a.entries, m.Entry)
	}
	return printEntries(app, o, book, a.entries)
}

// nearest is how many entries are offered when nothing has the name.
const nearest = 5

// unknownWords says that nothing is known, and what is called nearly so.
func unknownWords(app App, o explainOptions, book *knowledge.Book, words string) error {
	near := byKind(book.Nearest(words, nearest))
	if o.format != "text" || len(near) == 0 {
		return refusal(exitNothing, book, "unknown", struct {
			Words string
			Path  bool
		}{strconv.Quote(words), looksLikePath(words)})
	}
	fmt.Fprintln(app.Stderr, "sockeye:", sentence(book, "explain.unknown-but-near", harmless(words)))
	if err := report.Catalogue(app.Stderr, near, book, textOptions(app, o)); err != nil {
		return failed(err, "")
	}
	return &exit{code: exitNothing}
}

// byKind puts entries of one kind together, the kind of the best one first.
func byKind(entries []*knowledge.Entry) []*knowledge.Entry {
	first := map[knowledge.Kind]int{}
	for i, e := range entries {
		if _, seen := first[e.Kind]; !seen {
			first[e.Kind] = i
		}
	}
	slices.SortStableFunc(entries, func(a, b *knowledge.Entry) int { return first[a.Kind] - first[b.Kind] })
	return entries
}

// name says on stderr which of the words are neither a file nor a name.
func (a wanted) name(app App, book *knowledge.Book) {
	if len(a.unknown) == 0 {
		return
	}
	names := make([]string, 0, mostLeft)
	for _, w := range a.unknown[:min(len(a.unknown), mostLeft)] {
		names = append(names, harmless(w))
	}
	fmt.Fprintln(app.Stderr, "sockeye:", sentence(book, "explain.no-file-no-name", names))
}

func looksLikePath(words string) bool {
	return strings.ContainsAny(words, `/\`) || looksLikeFile(words)
}

// looksLikeFile: by how it ends it can hardly be anything else.
func looksLikeFile(word string) bool {
	switch strings.ToLower(filepath.Ext(word)) {
	case ".txt", ".log", ".out", ".csv", ".json", ".conf", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".zip", ".png", ".jpg":
		return !strings.ContainsAny(word, " \n")
	}
	return false
}

// printEntries prints what was asked for: one entry, in JSON as an object, or several,
// there as an array.
func printEntries(app App, o explainOptions, book *knowledge.Book, entries []*knowledge.Entry) error {
	if o.format == "json" {
		if len(entries) == 1 {
			return printed(report.AsJSON(app.Stdout, entries[0]))
		}
		return printed(report.AsJSON(app.Stdout, entries))
	}
	for i, e := range entries {
		if i > 0 {
			if _, err := fmt.Fprintln(app.Stdout); err != nil {
				return printed(err)
			}
		}
		var err error
		if o.format == "markdown" {
			_, err = fmt.Fprintln(app.Stdout, e.Markdown())
		} else {
			err = report.Entry(app.Stdout, e, book, textOptions(app, o))
		}
		if err != nil {
			return printed(err)
		}
	}
	return nil
}

func listEntries(app App, o explainOptions, book *knowledge.Book) error {
	entries := book.Entries()
	switch o.format {
	case "json":
		return printed(report.AsJSON(app.Stdout, entries))
	case "markdown":
		return printed(report.CatalogueMarkdown(app.Stdout, entries, book))
	}
	return printed(report.Catalogue(app.Stdout, entries, book, textOptions(app, o)))
}

// mostLeft bounds how many arguments that could not be read are told.
const mostLeft = 32

// left is an argument that could not be read.
type left struct {
	name string
	err  error
}

// tell names what could not be read where the rest is told: on stderr, and as a blind
// spot of the report.
func (l left) tell(app App, x *explained) {
	fmt.Fprintln(app.Stderr, "sockeye:", harmless(l.err.Error()))
	x.blind(l.name, harmless(l.err.Error()))
}
