package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// told is what a tracer says of itself.
type told struct {
	lost     uint64 // events or aggregates that found no room
	sampling sampling
	first    string // the first line of its messages
}

// sampling is of how many connections the stack was taken.
type sampling struct{ taken, of uint64 }

// losses are "Lost 12 events", one line for each time it happened, of bpftrace
// (0.17: among its output; later: on stderr), and "1,234 events were lost: …" of
// sockeye, once at the end.
var losses = regexp.MustCompile(`(?i)\blost ([\d,]+) events?\b|\b([\d,]+) events? (?:was|were) lost\b`)

// readMessages reads what a tracer wrote to stderr.
func (t *told) readMessages(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if t.first = strings.TrimSpace(line); t.first != "" {
			break
		}
	}
	return t.readLosses(bytes.NewReader(text))
}

// readLosses adds up the losses that lines tell of.
func (t *told) readLosses(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		// Millions of lines are of something else: no expression for those.
		if !bytes.Contains(lines.Bytes(), []byte("ost")) {
			continue
		}
		for _, m := range losses.FindAllStringSubmatch(lines.Text(), -1) {
			n, err := strconv.ParseUint(strings.ReplaceAll(m[1]+m[2], ",", ""), 10, 64)
			if err != nil {
				return err
			}
			t.lost += n
		}
	}
	return lines.Err()
}

// flowKey is what a flow of `trace --top` has to itself.
type flowKey struct {
	NetNS     string `json:"netns"`
	PID       int    `json:"pid"`
	Direction string `json:"direction"`
	LPort     int    `json:"lport"`
	RAddr     string `json:"raddr"`
	RPort     int    `json:"rport"`
}

// readRows reads the rows of `trace --top --format ndjson`: the last of each flow
// tells how many connections were opened since the beginning, and how many
// stacks were taken of them.
func (t *told) readRows(r io.Reader) error {
	in := json.NewDecoder(r)
	last := map[flowKey]sampling{}
	for {
		var row struct {
			flowKey
			Opened uint64 `json:"opened_total"`
			Code   []struct {
				Stacks uint64 `json:"stacks"`
			} `json:"code"`
		}
		switch err := in.Decode(&row); {
		case errors.Is(err, io.EOF):
			for _, s := range last {
				t.sampling.taken += s.taken
				t.sampling.of += s.of
			}
			return nil
		case err != nil:
			return err
		}
		if row.Direction == "" {
			continue // failed calls
		}
		s := sampling{of: row.Opened}
		for _, c := range row.Code {
			s.taken += c.Stacks
		}
		last[row.flowKey] = s
	}
}

// said tells of how many connections a tracer took the stack; "" when of none.
func (s sampling) said() string {
	if s.taken == 0 || s.of == 0 {
		return ""
	}
	return fmt.Sprintf("stacks of %s of %s connections, 1 in %.0f",
		thousands(int(s.taken)), thousands(int(s.of)), float64(s.of)/float64(s.taken))
}
