package diagnose

import (
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

const (
	// messagesTold is how many messages one finding quotes.
	messagesTold = 5
	// exampleLong is how much of a log's line is quoted, in characters.
	exampleLong = 160
)

// message is what the sentence about a message may say.
type message struct {
	Example     string
	Count       uint64
	First, Last string // "" unknown
	Line        uint64
}

func messageOf(sym *host.Symptom) message {
	m := message{Example: cutText(host.Printable(strings.TrimSpace(sym.Example)), exampleLong), Count: sym.Count, Line: sym.Line,
		First: clockText(sym.First), Last: clockText(sym.Last)}
	if m.Example == "" {
		m.Example = sym.Code
	}
	return m
}

// cutText shortens a text to so many characters.
func cutText(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// clockText writes the time of a log's line, as much of it as the line tells:
// lines of syslog have no year.
func clockText(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Year() <= 1:
		return t.Format("01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// sign says how to tell whether a suspect is it, in the words for the system where there
// are such: each system shows it by other means.
func (r *rumour) sign(key string, book *knowledge.Book, word func(string, any) string) string {
	if own, err := book.Word(key+".tell."+family(r.os), nil); err == nil {
		return own
	}
	return word(key+".tell", nil)
}

// rumourWords are the title and explanation of a finding that only messages tell of:
// a paragraph on each line, what may be behind it as a list ("- ").
func (x *examination) rumourWords(f *found, book *knowledge.Book) (w knowledge.FindingWords, err error) {
	word := func(key string, v any) (s string) {
		if err == nil {
			s, err = book.Word(key, v)
		}
		return s
	}
	key := candidateWords + f.id + f.rumour.manner
	what, name := word(key+".what", nil), word(key+".name", nil)
	w.Title = word("symptom.title", name)
	said := []string{what}
	if f.rumour.against {
		said = append(said, word("symptom.against", nil))
	}
	list := func(key string, ids []string) {
		if len(ids) > 0 {
			said = append(said, word(key, nil))
		}
		for _, id := range ids {
			said = append(said, "- "+word("symptom.item", struct{ Name, Tell string }{word(candidateWords+id+".name", nil), f.rumour.sign(candidateWords+id, book, word)}))
		}
	}
	if f.certainty != Proven {
		said = append(said, word("symptom.sign", f.rumour.sign(key, book, word)))
	}
	list("symptom.causes", f.rumour.causes)
	list("symptom.others", f.rumour.others)
	w.Explanation = strings.Join(said, "\n")
	return w, err
}
