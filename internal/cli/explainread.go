package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"golang.org/x/term"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/paste"
	"sockeye/internal/report"
	"sockeye/internal/symptom"
)

// input is what one argument stands for.
type input struct {
	name string // a path, "-" for stdin; "" for text
	text string
}

func textInput(text string) input { return input{text: text} }

// explained is what all inputs together told.
type explained struct {
	pasted   *paste.Pasted
	symptoms []host.Symptom
	files    []string          // where the first line of each symptom stands; "" no file
	messages map[uint64]uint64 // how many error messages, by File.Before
	prose    strings.Builder   // what is no table, up to mostProse
	only     string            // the one file that was read, where it is one
	left     []left            // what could not be read
	failed   int               // how many arguments that are
	asked    wanted            // what was asked for by name beside them
}

// mostProse is how much of a text is searched for what it mentions: an article, a
// ticket, the head of a log.
const mostProse = 1 << 20

// readArgs reads what arguments name; nothing is stdin. What cannot be read is left
// out if anything else can.
func readArgs(ctx context.Context, app App, book *knowledge.Book, args []string) (*explained, error) {
	var in []input
	for _, a := range args {
		in = append(in, input{name: a})
	}
	if len(in) == 0 {
		in = []input{{name: "-"}}
	}
	x, err := read(ctx, app, book, in)
	if err != nil {
		return nil, err
	}
	if x.failed == len(in) {
		if its, ok := errors.AsType[*exit](x.left[0].err); ok {
			return nil, its
		}
		return nil, failed(x.left[0].err, "")
	}
	return x, nil
}

// exitInterrupted is what a shell expects of a program that ^C has ended.
const exitInterrupted = 130

// read reads all inputs as one machine's: a log and a table are diagnosed together.
// It ends as soon as ctx does. Who waits for a pipe or a keyboard cannot be called
// back and is left waiting: the program ends then.
func read(ctx context.Context, app App, book *knowledge.Book, all []input) (*explained, error) {
	done := make(chan *explained, 1)
	go func() { done <- readAll(ctx, app, book, all) }()
	select {
	case x := <-done:
		if ctx.Err() == nil {
			return x, nil
		}
	case <-ctx.Done():
	}
	if app.StderrTTY {
		fmt.Fprint(app.Stderr, "\r\x1b[K") // how far it had come
	}
	return nil, &exit{code: exitInterrupted}
}

func readAll(ctx context.Context, app App, book *knowledge.Book, all []input) *explained {
	x := &explained{messages: map[uint64]uint64{}}
	scan := symptom.NewScanner(symptom.Options{Now: time.Now()})
	var session *paste.Session
	full := false // there is enough prose
	at := uint64(0)
	boring := func(block []byte) bool { return full && scan.Boring(block) }
	session = paste.NewSession(paste.Options{Now: time.Now(), Boring: boring, Other: func(n uint64, line []byte) {
		before := session.Before()
		if before != at {
			x.count(at, scan)
			at = before
		}
		scan.Line(before+n, line)
		if full = full || x.prose.Len()+len(line) >= mostProse; !full {
			x.prose.Write(line)
			x.prose.WriteByte('\n')
		}
	}})
	if len(all) == 1 && all[0].name != "-" {
		x.only = all[0].name
	}
	for _, in := range all {
		label := in.name
		if len(all) == 1 {
			label = "" // there is nothing to confuse it with
		}
		if err := x.add(ctx, app, book, session, in, label); err != nil {
			x.left = append(x.left, left{in.name, err})
			x.failed++
		}
	}
	x.pasted = session.Done()
	x.count(at, scan)
	x.symptoms = scan.Result()
	x.placeSymptoms()
	return x
}

// count notes how many messages the text has that began behind so many lines.
func (x *explained) count(before uint64, scan *symptom.Scanner) {
	n := uint64(0)
	for _, s := range scan.Result() {
		n += s.Count
	}
	for _, earlier := range x.messages {
		n -= earlier
	}
	if n > 0 {
		x.messages[before] = n
	}
}

// placeSymptoms makes of line numbers among all lines a file and a line of it.
func (x *explained) placeSymptoms() {
	for i := range x.symptoms {
		s := &x.symptoms[i]
		next := sort.Search(len(x.pasted.Files), func(f int) bool { return x.pasted.Files[f].Before >= s.Line })
		name := ""
		if next > 0 {
			f := &x.pasted.Files[next-1]
			s.Line -= f.Before
			name = x.nameOf(f.Name)
		}
		x.files = append(x.files, name)
	}
}

// nameOf is the file's name as it is told: "" for stdin and for words.
func (x *explained) nameOf(name string) string {
	switch name {
	case "":
		return x.only
	case "-":
		return ""
	}
	return name
}

// blind notes what was not read.
func (x *explained) blind(what, why string) {
	sn := x.pasted.Snapshot
	sn.BlindSpots = append(sn.BlindSpots, host.BlindSpot{Code: "text-not-read", Subject: what, Err: why, Count: 1})
}

func (x *explained) add(ctx context.Context, app App, book *knowledge.Book, s *paste.Session, in input, label string) error {
	head, size := headOf(in.name)
	progress, end := progressLine(app, book, size)
	defer end()
	switch in.name {
	case "":
		return s.Read(ctx, strings.NewReader(in.text), "", 0, nil)
	case "-":
		if isTerminal(app.Stdin) {
			fmt.Fprintln(app.Stderr, sentence(book, "explain.paste-now", endOfInput))
		}
		from := bufio.NewReaderSize(&finite{from: app.Stdin}, magicSize)
		head, _ = from.Peek(magicSize) // an error comes again
		if err := noText(book, "-", head); err != nil {
			return err
		}
		if err := s.Stream(ctx, from, label, progress); err != nil {
			return unreadable(book, "-", err)
		}
		return nil
	}
	if err := noText(book, in.name, head); err != nil {
		return err
	}
	if err := s.Open(ctx, in.name, label, progress); err != nil {
		return unreadable(book, in.name, err)
	}
	x.left = append(x.left, noTexts(book, in.name)...)
	return nil
}

// isTerminal: nobody has piped anything in.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// explanation joins what was read and what it means.
func (x *explained) explanation(rep *diagnose.Report, book *knowledge.Book) *report.Explanation {
	e := &report.Explanation{Report: rep, Files: []report.ReadFile{}, Read: []report.ReadPart{}, Errors: []report.Symptom{},
		Mentions: []*knowledge.Entry{}, Entries: []*knowledge.Entry{}}
	e.Entries = append(e.Entries, x.asked.entries...)
	name := func(name string) diagnose.Optional { return diagnose.Optional(host.Printable(x.nameOf(name))) }
	for _, f := range x.pasted.Files {
		file := report.ReadFile{File: name(f.Name), Lines: f.Lines}
		if f.Lines > 0 { // an empty file begins where the next one does
			file.Messages = x.messages[f.Before]
		}
		e.Files = append(e.Files, file)
	}
	for _, p := range x.pasted.Parts {
		part := report.ReadPart{Kind: p.Kind, File: name(p.File), FirstLine: p.First, LastLine: p.Last, Rows: p.Rows, Bad: p.Bad, Cut: p.Cut}
		if p.File != "" {
			part.Kind = strings.TrimPrefix(p.Kind, p.File+": ")
		}
		if first := p.FirstBad; first > 0 {
			part.FirstBad = &first
		}
		e.Read = append(e.Read, part)
	}
	codes := map[string]bool{}
	for i := range x.symptoms {
		s := report.SymptomOf(&x.symptoms[i])
		s.File = diagnose.Optional(host.Printable(x.files[i]))
		e.Errors = append(e.Errors, s)
		codes[x.symptoms[i].Code] = true
	}
	for _, m := range book.Mentions(x.prose.String()) {
		if m.Entry.Kind != knowledge.KindError || !codes[m.Entry.ID] { // that stands among the errors
			e.Mentions = append(e.Mentions, m.Entry)
		}
	}
	return e
}
