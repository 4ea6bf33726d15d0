package knowledge

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/tcp"
)

func catalogueOf(t *testing.T, lang string) []*Entry {
	t.Helper()
	s := open(t, lang).catalogue()
	for _, err := range s.faults {
		t.Error(err)
	}
	return s.entries
}

func TestCatalogueIsTheSameInBothLanguages(t *testing.T) {
	for _, kind := range Kinds() {
		if d := cmp.Diff(entriesOf(t, "en", folders[kind]), entriesOf(t, "zh", folders[kind])); d != "" {
			t.Errorf("%s (-en +zh):\n%s", kind, d)
		}
	}
	zh := map[string]*Entry{}
	for _, e := range catalogueOf(t, "zh") {
		zh[string(e.Kind)+e.ID] = e
	}
	for _, en := range catalogueOf(t, "en") {
		other := zh[string(en.Kind)+en.ID]
		if other == nil {
			continue // told above
		}
		if d := cmp.Diff(sameEverywhere(en), sameEverywhere(other)); d != "" {
			t.Errorf("%s %s (-en +zh):\n%s", en.Kind, en.ID, d)
		}
		for _, a := range en.Aliases {
			if !slices.Contains(other.Aliases, a) {
				t.Errorf("%s %s: zh lacks the alias %q", en.Kind, en.ID, a)
			}
		}
		for where, s := range prose(other) {
			chinese(t, other.ID+" "+where, text(s))
		}
	}
}

// sameEverywhere is what does not depend on the language: which facts are there,
// and the values of those that are no prose.
func sameEverywhere(e *Entry) map[string]any {
	m := map[string]any{"os": e.OS, "see": e.See, "source": e.Source}
	for where := range prose(e) {
		m["has "+where] = true
	}
	switch {
	case e.State != nil:
		m["rfc"] = e.State.RFC
	case e.Error != nil:
		m["number"], m["findings"] = e.Error.Number, e.Error.Findings
	case e.Setting != nil:
		m["defaults"], m["scope"], m["verdict"] = len(e.Setting.Default), e.Setting.Scope, e.Setting.Verdict
	case e.Folklore != nil:
		m["verdict"] = e.Folklore.Verdict
	}
	return m
}

// prose is what people read, by where it stands; what is empty is left out.
func prose(e *Entry) map[string]string {
	m := map[string]string{"title": e.Title, "body": e.Body}
	add := func(where string, f Fact) { m[where] = string(f) }
	switch {
	case e.State != nil:
		add("here", e.State.Here)
		add("there", e.State.There)
		add("harmless", e.State.Harmless)
		add("act", e.State.Act)
	case e.Error != nil:
		for c, f := range e.Error.Calls {
			add("call "+c, f)
		}
		add("tell-apart", e.Error.TellApart)
	case e.Setting != nil:
		add("does", e.Setting.Does)
		add("does-not", e.Setting.DoesNot)
		add("risk", e.Setting.Risk)
	case e.Folklore != nil:
		add("claim", e.Folklore.Claim)
		add("truth", e.Folklore.Truth)
		add("instead", e.Folklore.Instead)
	}
	maps.DeleteFunc(m, func(_, s string) bool { return strings.TrimSpace(s) == "" })
	delete(m, "title") // may be the setting's name; checked in TestEntriesAreComplete
	return m
}

func TestEntriesAreComplete(t *testing.T) {
	scopes := []string{"", "namespace", "host", "socket", "process"}
	for _, lang := range languages {
		for _, e := range catalogueOf(t, lang) {
			where := lang + " " + string(e.Kind) + " " + e.ID
			need := func(what string, facts ...Fact) {
				for _, f := range facts {
					if strings.TrimSpace(string(f)) == "" {
						t.Errorf("%s: %s is missing", where, what)
					}
				}
			}
			need("title", Fact(e.Title))
			if n := utf8.RuneCountInString(e.Title); n > 90 || strings.ContainsAny(e.Title, "\n") {
				t.Errorf("%s: a title is one line of at most 90 characters: %q", where, e.Title)
			}
			for _, os := range e.OS {
				if !slices.Contains(systems, os) {
					t.Errorf("%s: os %q", where, os)
				}
			}
			switch e.Kind {
			case KindState:
				need("here, there, harmless or act", e.State.Here, e.State.There, e.State.Harmless, e.State.Act)
			case KindError:
				need("tell-apart or next", e.Error.TellApart, e.Error.Next)
				for os, n := range e.Error.Number {
					if !slices.Contains(systems, os) || n <= 0 {
						t.Errorf("%s: number %d of %q", where, n, os)
					}
				}
				for c := range e.Error.Calls {
					if !slices.Contains(calls, c) {
						t.Errorf("%s: call %q is not in the order of a page", where, c)
					}
				}
			case KindSetting:
				need("does", e.Setting.Does)
				if !slices.Contains([]Fact{"keep", "useful", "harmful", "obsolete", "gone"}, e.Setting.Verdict) {
					t.Errorf("%s: verdict %q", where, e.Setting.Verdict)
				}
				if !slices.Contains(scopes, string(e.Setting.Scope)) {
					t.Errorf("%s: scope %q", where, e.Setting.Scope)
				}
			case KindFolklore:
				need("claim or truth", e.Folklore.Claim, e.Folklore.Truth)
				if !slices.Contains([]Fact{"false", "obsolete", "harmful", "half-true", "true"}, e.Folklore.Verdict) {
					t.Errorf("%s: verdict %q", where, e.Folklore.Verdict)
				}
			case KindTerm:
				need("body", Fact(e.Body))
			case KindFinding:
				need("about", Fact(e.Body))
				if strings.Contains(e.Title+e.Body, "{{") {
					t.Errorf("%s: what is told without values has no templates", where)
				}
			}
		}
	}
}

// Every link leads somewhere, and every finding that an error names exists.
func TestLinksLead(t *testing.T) {
	for _, lang := range languages {
		all := catalogueOf(t, lang)
		ids := map[string]bool{}
		for _, e := range all {
			ids[e.ID] = true
		}
		for _, e := range all {
			for _, id := range e.See {
				if !ids[id] {
					t.Errorf("%s %s %s: see %q: no such entry", lang, e.Kind, e.ID, id)
				}
				if id == e.ID {
					t.Errorf("%s %s %s sees itself", lang, e.Kind, e.ID)
				}
			}
			if e.Error != nil {
				for _, id := range e.Error.Findings {
					if !slices.Contains(catalogue, id) {
						t.Errorf("%s %s: no finding %q", lang, e.ID, id)
					}
				}
			}
		}
	}
}

// One word leads to one entry, and each entry can be reached by its id.
func TestAliasesAreUnique(t *testing.T) {
	for _, lang := range languages {
		of := map[string]*Entry{}
		b := open(t, lang)
		for _, e := range b.Entries() {
			for _, name := range e.names() {
				// Names that differ in case alone are two things only where the
				// systems say so: an option and a sysctl.
				if other := of[name]; other != nil && other != e {
					t.Errorf("%s: %q is %s %s and %s %s", lang, name, other.Kind, other.ID, e.Kind, e.ID)
				}
				of[name] = e
				if got, ok := b.Lookup(name); !ok || got != e {
					t.Errorf("%s: Lookup(%q) is %q, want %s %s", lang, name, idOf(got), e.Kind, e.ID)
				}
			}
		}
	}
}

func TestEveryStateAndFindingHasAnEntry(t *testing.T) {
	b := open(t, "en")
	for _, s := range tcp.States() {
		if _, ok := b.Entry(KindState, s.String()); !ok {
			t.Errorf("no entry of state %s", s)
		}
	}
	for _, e := range catalogueOf(t, "en") {
		if e.State == nil || e.ID == "ORPHAN" { // a kernel's bookkeeping, not a state
			continue
		}
		for _, name := range e.names() {
			if s, ok := tcp.ParseState(name); ok && s.String() != e.ID {
				t.Errorf("%s: %q is read as %s elsewhere", e.ID, name, s)
			}
		}
	}
}

// The numbers of the errors in scope, from the systems' own headers.
func TestErrorNumbers(t *testing.T) {
	for id, want := range map[string][3]int{ // Linux, Windows, macOS and FreeBSD; 0: has none
		"EADDRNOTAVAIL": {99, 10049, 49}, "EADDRINUSE": {98, 10048, 48}, "EMFILE": {24, 10024, 24}, "ENFILE": {23, 0, 23},
		"ENOBUFS": {105, 10055, 55}, "ENOMEM": {12, 8, 12}, "ETIMEDOUT": {110, 10060, 60}, "ECONNREFUSED": {111, 10061, 61},
		"ECONNRESET": {104, 10054, 54}, "EPIPE": {32, 10058, 32}, "ECONNABORTED": {103, 10053, 53},
		"EHOSTUNREACH": {113, 10065, 65}, "ENETUNREACH": {101, 10051, 51}, "EACCES": {13, 10013, 13}, "EPERM": {1, 0, 1},
		"EINPROGRESS": {115, 10036, 36}, "EAGAIN": {11, 10035, 35},
	} {
		e, ok := open(t, "en").Entry(KindError, id)
		if !ok {
			t.Errorf("no entry of %s", id)
			continue
		}
		n := e.Error.Number
		if got := [3]int{n["linux"], n["windows"], n["darwin"]}; got != want || n["freebsd"] != want[2] {
			t.Errorf("%s: %v, FreeBSD %d, want %v", id, got, n["freebsd"], want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for _, lang := range languages {
		for _, e := range catalogueOf(t, lang) {
			page := e.Markdown()
			sound(t, lang+" "+e.ID, page, true)
			if !strings.HasPrefix(page, "# "+e.Title+"\n") || !strings.Contains(page, "`"+e.ID+"`") {
				t.Errorf("%s %s: no title or id in %q", lang, e.ID, page)
			}
			for where, s := range prose(e) {
				if !strings.Contains(page, strings.TrimSpace(s)) {
					t.Errorf("%s %s: %s is not on the page", lang, e.ID, where)
				}
			}
			if strings.Contains(page, "entry.") || strings.Contains(page, "page.") || strings.Contains(page, "\n\n\n") {
				t.Errorf("%s %s: a word is missing or blank lines are many:\n%s", lang, e.ID, page)
			}
		}
	}
}

func TestEntryJSON(t *testing.T) {
	e, ok := open(t, "en").Lookup("ORPHAN")
	if !ok {
		t.Fatal("no entry of ORPHAN")
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got["kind"] != "state" || got["id"] != "ORPHAN" || got["error"] != nil || got["setting"] != nil {
		t.Errorf("%s", raw)
	}
	state, ok := got["state"].(map[string]any)
	if !ok || state["rfc"] != nil || state["here"] == nil {
		t.Errorf("what is unknown is null: %s", raw)
	}
	if _, ok := got["source"].([]any); !ok {
		t.Errorf("an empty list is []: %s", raw)
	}
}
