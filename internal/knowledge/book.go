package knowledge

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"text/template"

	"go.yaml.in/yaml/v3"

	"sockeye/internal/host"
)

//go:embed data
var data embed.FS

// Languages that every entry exists in.
var languages = []string{"en", "zh"}

// Book is the knowledge in one language. Entries are read when they are first
// asked for: a report needs a handful of them.
type Book struct {
	lang string

	mu       sync.Mutex // guards the maps below
	findings map[string]*findingEntry
	remedies map[string]*remedyEntry
	words    map[string]text // words.yaml, report.yaml…; nil until first used

	shelf shelf // what explain looks up
}

// Open returns the book of a language, "en" or "zh".
func Open(lang string) (*Book, error) {
	for _, l := range languages {
		if l == lang {
			return &Book{lang: lang, findings: map[string]*findingEntry{}, remedies: map[string]*remedyEntry{}}, nil
		}
	}
	return nil, fmt.Errorf("no words in language %q: there are %s", lang, strings.Join(languages, ", "))
}

// Lang returns the language's code.
func (b *Book) Lang() string { return b.lang }

// findingEntry is data/LANG/findings/ID.md: front matter, then the explanation.
type findingEntry struct {
	Title    text            `yaml:"title"`
	Evidence map[string]text `yaml:"evidence"`

	// For who asks without having measured: no templates.
	Name    string   `yaml:"name"`
	About   string   `yaml:"about"`
	Aliases []string `yaml:"aliases"`
	OS      []string `yaml:"os"`
	See     []string `yaml:"see"`

	explanation text
}

// remedyEntry is data/LANG/remedies/ID.md. The body is the detail; runtimes
// hold the same cure in the words of the program that needs it.
type remedyEntry struct {
	Kind     string                   `yaml:"kind"` // code, config, kernel or action
	Title    text                     `yaml:"title"`
	Command  text                     `yaml:"command"`
	Effect   text                     `yaml:"effect"`
	Risk     text                     `yaml:"risk"`
	Runtimes map[host.Runtime]variant `yaml:"runtimes"`

	detail text
}

type variant struct {
	Kind    string `yaml:"kind"` // "" keeps that of the remedy
	Title   text   `yaml:"title"`
	Detail  text   `yaml:"detail"`
	Command text   `yaml:"command"`
}

// text is a template over Values, kept as it was written: a report renders few
// of them, so they are parsed when they are.
type text string

func (b *Book) render(t text, v any) (string, error) {
	if !strings.Contains(string(t), "{{") {
		return strings.TrimSpace(string(t)), nil
	}
	tmpl, err := template.New("").Funcs(functions(b.lang)).Option("missingkey=error").Parse(strings.TrimSpace(string(t)))
	if err != nil {
		return "", fmt.Errorf("template %q: %w", t, err)
	}
	var out strings.Builder
	if err := tmpl.Execute(&out, v); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// FindingWords is a finding told with its measured values.
type FindingWords struct{ Title, Explanation string }

// Finding tells what the finding id means. An unknown id is an error.
func (b *Book) Finding(id string, v *Values) (w FindingWords, err error) {
	e, err := b.finding(id)
	if err != nil {
		return w, err
	}
	if w.Title, err = b.render(e.Title, v); err != nil {
		return w, fmt.Errorf("finding %s: title: %w", id, err)
	}
	if w.Explanation, err = b.render(e.explanation, v); err != nil {
		return w, fmt.Errorf("finding %s: explanation: %w", id, err)
	}
	return w, nil
}

// FindingName is what the trouble id is called where nothing was measured.
func (b *Book) FindingName(id string) (string, error) {
	e, err := b.finding(id)
	if err != nil {
		return "", err
	}
	return e.Name, nil
}

// Evidence tells one fact of a finding.
func (b *Book) Evidence(finding, fact string, v *Values) (string, error) {
	e, err := b.finding(finding)
	if err != nil {
		return "", err
	}
	t, ok := e.Evidence[fact]
	if !ok {
		return "", fmt.Errorf("finding %s: no words for evidence %q", finding, fact)
	}
	s, err := b.render(t, v)
	if err != nil {
		return "", fmt.Errorf("finding %s: evidence %s: %w", finding, fact, err)
	}
	return s, nil
}

// Remedy is a cure told for one program.
type Remedy struct{ Kind, Title, Detail, Command, Effect, Risk string }

// Remedy tells the remedy id in the words of a runtime, or in general where
// that runtime has no words of its own.
func (b *Book) Remedy(id string, runtime host.Runtime, v *Values) (r Remedy, err error) {
	e, err := b.remedy(id)
	if err != nil {
		return r, err
	}
	title, detail, command, kind := e.Title, e.detail, e.Command, e.Kind
	if own, ok := e.Runtimes[runtime]; ok {
		title, detail = own.Title, own.Detail
		command = own.Command
		if own.Kind != "" {
			kind = own.Kind
		}
	}
	r.Kind = kind
	for _, p := range []struct {
		to *string
		t  text
	}{{&r.Title, title}, {&r.Detail, detail}, {&r.Command, command}, {&r.Effect, e.Effect}, {&r.Risk, e.Risk}} {
		if *p.to, err = b.render(p.t, v); err != nil {
			return r, fmt.Errorf("remedy %s: %w", id, err)
		}
	}
	return r, nil
}

// Word returns the single entry with that key (data/LANG/*.yaml), filled with v, which may
// be nil for entries without variables.
func (b *Book) Word(key string, v any) (string, error) {
	words, err := b.loadWords()
	if err != nil {
		return "", err
	}
	t, ok := words[key]
	if !ok {
		return "", fmt.Errorf("no word %q in %s", key, b.lang)
	}
	s, err := b.render(t, v)
	if err != nil {
		return "", fmt.Errorf("word %s: %w", key, err)
	}
	return s, nil
}

func (b *Book) loadWords() (map[string]text, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.words != nil {
		return b.words, nil
	}
	files, err := fs.Glob(data, path.Join("data", b.lang, "*.yaml"))
	if err != nil {
		return nil, err
	}
	words := map[string]text{}
	for _, name := range files {
		raw, err := data.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(raw, &words); err != nil { // adds to what is there
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	b.words = words
	return words, nil
}

func (b *Book) finding(id string) (*findingEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.findings[id]; ok {
		return e, nil
	}
	e := &findingEntry{}
	body, err := readEntry(path.Join("data", b.lang, "findings", id+".md"), e)
	if err != nil {
		return nil, err
	}
	e.explanation = text(body)
	b.findings[id] = e
	return e, nil
}

func (b *Book) remedy(id string) (*remedyEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.remedies[id]; ok {
		return e, nil
	}
	e := &remedyEntry{}
	body, err := readEntry(path.Join("data", b.lang, "remedies", id+".md"), e)
	if err != nil {
		return nil, err
	}
	e.detail = text(body)
	b.remedies[id] = e
	return e, nil
}

// readEntry reads a Markdown file with YAML front matter between two lines of
// three dashes: the front matter into to, the rest is returned.
func readEntry(name string, to any) (body string, err error) {
	raw, err := data.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("no such entry: %w", err)
	}
	front, body, ok := strings.Cut(strings.TrimPrefix(string(raw), "---\n"), "\n---\n")
	if !ok {
		return "", fmt.Errorf("%s: no front matter between lines of '---'", name)
	}
	dec := yaml.NewDecoder(strings.NewReader(front))
	dec.KnownFields(true)
	if err := dec.Decode(to); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return body, nil
}

// entries lists the ids of one kind ("findings", "remedies") in a language.
func entries(lang, kind string) []string {
	names, _ := fs.Glob(data, path.Join("data", lang, kind, "*.md"))
	for i, n := range names {
		names[i] = strings.TrimSuffix(path.Base(n), ".md")
	}
	return names
}
