package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	prose    strings.Builder // what is no table, up to mostProse
}

// mostProse is how much of a text is searched for what it mentions: an article, a
// ticket, the head of a log.
const mostProse = 1 << 20

func explainText(ctx context.Context, app App, o explainOptions, book *knowledge.Book, args []string) error {
	x, err := readArgs(ctx, app, args)
	if err != nil {
		return err
	}
	if x.pasted.Lines == 0 && len(x.pasted.Parts) == 0 {
		return failed(errors.New("there is nothing in it: it is empty"), "was the command that saved it run with the rights that it needs?")
	}
	if err := x.nothing(book); err != nil {
		return err
	}
	return explain(app, o, book, x)
}

// nothing tells why there is nothing to tell; nil when there is something.
func (x *explained) nothing(book *knowledge.Book) error {
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
			return failed(fmt.Errorf("this looks like %s, but line %d cannot be read as that, nor any other", p.Kind, p.FirstBad),
				"save the output anew, whole and without wrapped lines")
		}
	}
	return failed(errors.New("nothing in it is a table of connections, a setting or an error message that is known here"),
		"it reads what netstat, ss, lsof, TCPView, sysctl and logs print; 'sockeye explain --help' tells more")
}

func explainStates(ctx context.Context, app App, o explainOptions, book *knowledge.Book, args []string) error {
	if o.format != "text" {
		return usage(errors.New("the drawing is text"), "for the numbers: sockeye explain --format json FILE | jq .totals")
	}
	if len(args) == 0 {
		return printed(report.States(app.Stdout, nil, book, textOptions(app, o)))
	}
	if !allFiles(args) {
		return usage(fmt.Errorf("there is no file %q", args[0]), "sockeye explain states FILE, or - for what comes through a pipe")
	}
	x, err := readArgs(ctx, app, args)
	if err != nil {
		return err
	}
	return printed(report.States(app.Stdout, x.pasted.States(), book, textOptions(app, o)))
}

func readArgs(ctx context.Context, app App, args []string) (*explained, error) {
	var in []input
	for _, a := range args {
		in = append(in, input{name: a})
	}
	if len(in) == 0 {
		in = []input{{name: "-"}}
	}
	x, err := read(ctx, app, in)
	var its *exit
	switch {
	case err == nil:
		return x, nil
	case errors.As(err, &its):
		return nil, its
	case errors.Is(err, context.Canceled):
		return nil, failed(errors.New("interrupted while reading"), "")
	}
	return nil, failed(err, "")
}

// read reads all inputs as one machine's: a log and a table are diagnosed together.
func read(ctx context.Context, app App, all []input) (*explained, error) {
	x := &explained{}
	scan := symptom.NewScanner(symptom.Options{Now: time.Now()})
	session := paste.NewSession(paste.Options{Now: time.Now(), Other: func(n uint64, line []byte) {
		scan.Line(n, line)
		if x.prose.Len()+len(line) < mostProse {
			x.prose.Write(line)
			x.prose.WriteByte('\n')
		}
	}})
	for _, in := range all {
		label := in.name
		if len(all) == 1 {
			label = "" // there is nothing to confuse it with
		}
		if err := x.add(ctx, app, session, in, label); err != nil {
			return nil, err
		}
	}
	x.pasted = session.Done()
	x.symptoms = scan.Result()
	return x, nil
}

func (x *explained) add(ctx context.Context, app App, s *paste.Session, in input, label string) error {
	head, size := headOf(in.name)
	progress, end := progressLine(app, size)
	defer end()
	switch in.name {
	case "":
		return s.Read(ctx, strings.NewReader(in.text), "", 0, nil)
	case "-":
		from := bufio.NewReaderSize(app.Stdin, magicSize)
		head, _ = from.Peek(magicSize) // an error comes again
		if err := noText("this", head); err != nil {
			return err
		}
		return s.Read(ctx, from, label, 0, progress)
	}
	if err := noText(in.name, head); err != nil {
		return err
	}
	if err := s.Open(ctx, in.name, label, progress); err != nil {
		return fmt.Errorf("cannot read %s: %w", in.name, plainCause(err))
	}
	return nil
}

// isTerminal: nobody has piped anything in.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// explanation joins what was read and what it means.
func (x *explained) explanation(rep *diagnose.Report, book *knowledge.Book) *report.Explanation {
	e := &report.Explanation{Report: rep, Read: []report.ReadPart{}, Errors: []report.Symptom{}, Mentions: []*knowledge.Entry{}}
	for _, p := range x.pasted.Parts {
		part := report.ReadPart{Kind: p.Kind, FirstLine: p.First, LastLine: p.Last, Rows: p.Rows, Bad: p.Bad, Cut: p.Cut}
		if first := p.FirstBad; first > 0 {
			part.FirstBad = &first
		}
		e.Read = append(e.Read, part)
	}
	codes := map[string]bool{}
	for i := range x.symptoms {
		e.Errors = append(e.Errors, report.SymptomOf(&x.symptoms[i]))
		codes[x.symptoms[i].Code] = true
	}
	for _, m := range book.Mentions(x.prose.String()) {
		if m.Entry.Kind != knowledge.KindError || !codes[m.Entry.ID] { // that stands among the errors
			e.Mentions = append(e.Mentions, m.Entry)
		}
	}
	return e
}
