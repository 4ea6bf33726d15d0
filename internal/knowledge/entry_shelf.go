package knowledge

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// shelf is the catalogue of a language. It is read as a whole when it is first
// asked for: finding a word means knowing all of them.
type shelf struct {
	once    sync.Once
	entries []*Entry // by kind, then id
	byID    map[entryKey]*Entry
	faults  []error // files that could not be read; none in what is compiled in
	index   index

	nearOnce sync.Once
	near     []known // for Nearest

	othersOnce sync.Once
	others     []*Book // in the other languages, for words that are theirs
}

type entryKey struct {
	kind Kind
	id   string
}

func (b *Book) catalogue() *shelf {
	s := &b.shelf
	s.once.Do(func() {
		s.byID = map[entryKey]*Entry{}
		for _, kind := range Kinds() {
			for _, id := range entries(b.lang, folders[kind]) {
				e, err := b.readCatalogue(kind, id)
				if err != nil {
					s.faults = append(s.faults, err)
					continue
				}
				s.entries = append(s.entries, e)
				s.byID[entryKey{kind, id}] = e
			}
		}
		s.index = indexOf(s.entries)
	})
	return s
}

// Entries returns the catalogue, sorted by kind (Kinds), then by id. The
// entries are shared: do not change them.
func (b *Book) Entries() []*Entry { return slices.Clone(b.catalogue().entries) }

// Entry returns the entry of a kind by its exact id.
func (b *Book) Entry(kind Kind, id string) (*Entry, bool) {
	e, ok := b.catalogue().byID[entryKey{kind, id}]
	return e, ok
}

func (b *Book) readCatalogue(kind Kind, id string) (e *Entry, err error) {
	switch kind {
	case KindState:
		var facts StateFacts
		if e, err = readFacts(b.lang, kind, id, &facts); err == nil {
			e.State = &facts
		}
	case KindError:
		var facts ErrorFacts
		if e, err = readFacts(b.lang, kind, id, &facts); err == nil {
			facts.Findings = orEmpty(facts.Findings)
			e.Error = &facts
		}
	case KindSetting:
		var facts SettingFacts
		if e, err = readFacts(b.lang, kind, id, &facts); err == nil {
			facts.Default = orEmpty(facts.Default)
			e.Setting = &facts
		}
	case KindFolklore:
		var facts FolkloreFacts
		if e, err = readFacts(b.lang, kind, id, &facts); err == nil {
			e.Folklore = &facts
		}
	case KindTerm:
		e, err = readFacts(b.lang, kind, id, &struct{}{})
	case KindFinding:
		var f *findingEntry
		if f, err = b.finding(id); err == nil {
			c := common{Title: f.Name, Aliases: f.Aliases, OS: f.OS, See: f.See}
			e = c.entry(kind, id, f.About)
		}
	default:
		err = fmt.Errorf("no entries of kind %q", kind)
	}
	if err != nil {
		return nil, err
	}
	e.book = b
	return e, nil
}

// readFacts reads an entry's file: what all kinds have, and the facts of its kind.
func readFacts[Facts any](lang string, kind Kind, id string, facts *Facts) (*Entry, error) {
	var f struct {
		common `yaml:",inline"`
		Facts  Facts `yaml:",inline"`
	}
	body, err := readEntry(path.Join("data", lang, folders[kind], id+".md"), &f)
	if err != nil {
		return nil, err
	}
	*facts = f.Facts
	return f.entry(kind, id, body), nil
}

// orEmpty makes a list without members one that is [] in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (c *common) entry(kind Kind, id, body string) *Entry {
	return &Entry{Kind: kind, ID: id, Title: c.Title, Aliases: slices.Concat(orEmpty(c.Aliases), c.Asked), asked: c.Asked, OS: orEmpty(c.OS),
		See: orEmpty(c.See), Source: orEmpty(c.Source), Body: strings.TrimSpace(body)}
}
