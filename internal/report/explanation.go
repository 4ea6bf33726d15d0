package report

import (
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Explanation is what saved text came to: the report of the contract, and beside
// it what the text was taken for, its error messages, and what it mentions.
type Explanation struct {
	*diagnose.Report
	Files    []ReadFile         `json:"files"` // all that was read, tables or not
	Read     []ReadPart         `json:"read"`
	Errors   []Symptom          `json:"errors"`
	Mentions []*knowledge.Entry `json:"mentions"`
	Entries  []*knowledge.Entry `json:"entries"` // what was asked for by name beside the files
}

// ReadFile is one text that was read: a log is none of the parts.
type ReadFile struct {
	File     diagnose.Optional `json:"file"` // null: stdin, or the words of the command line
	Lines    uint64            `json:"lines"`
	Messages uint64            `json:"messages"` // error messages in it
}

// ReadPart is a run of lines of one program.
type ReadPart struct {
	Kind      string            `json:"kind"` // "netstat (Windows)"
	File      diagnose.Optional `json:"file"` // whose lines they are; null as in ReadFile
	FirstLine uint64            `json:"first_line"`
	LastLine  uint64            `json:"last_line"`
	Rows      uint64            `json:"rows"` // understood
	Bad       uint64            `json:"bad"`  // looked like rows, and could not be read
	FirstBad  *uint64           `json:"first_bad"`
	Cut       bool              `json:"cut"` // says itself that something is missing
}

// Symptom is an error message with all that are like it.
type Symptom struct {
	ID         string            `json:"id"`
	Code       diagnose.Optional `json:"code"`
	Call       diagnose.Optional `json:"call"`
	OS         diagnose.Optional `json:"os"`
	Runtime    diagnose.Optional `json:"runtime"`
	Count      uint64            `json:"count"`
	First      *time.Time        `json:"first"`
	Last       *time.Time        `json:"last"`
	File       diagnose.Optional `json:"file"` // of the first one; null as in ReadFile
	Line       uint64            `json:"line"` // in that file
	Example    string            `json:"example"`
	Endpoints  []SymptomEnd      `json:"endpoints"`
	PIDs       []int32           `json:"pids"`
	Candidates []string          `json:"candidates"` // ids of findings, most likely first
}

// SymptomEnd is an address that messages name.
type SymptomEnd struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// SymptomOf tells a symptom in the terms of the contract: null for what is unknown.
func SymptomOf(s *host.Symptom) Symptom {
	out := Symptom{ID: s.ID, Code: diagnose.Optional(s.Code), Call: diagnose.Optional(s.Call), OS: diagnose.Optional(s.OS),
		Runtime: diagnose.Optional(string(s.Runtime)), Count: s.Count, Line: s.Line, Example: host.Printable(s.Example),
		Endpoints: []SymptomEnd{}, PIDs: append([]int32{}, s.PIDs...), Candidates: append([]string{}, s.Candidates...)}
	for _, end := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, SymptomEnd{host.Printable(end.Name), end.Count})
	}
	for _, t := range []struct {
		at time.Time
		to **time.Time
	}{{s.First, &out.First}, {s.Last, &out.Last}} {
		if at := t.at; !at.IsZero() {
			*t.to = &at
		}
	}
	return out
}
