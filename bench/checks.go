package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// linesWith counts the lines that hold a word, and of those the ones that hold
// the owner as well. An owner of "" is not looked for.
func linesWith(word, owner string) func(io.Reader) (seen, error) {
	return func(r io.Reader) (seen, error) {
		s := seen{}
		if owner == "" {
			s.owned = -1
		}
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			// A line that is longer than the buffer comes in pieces; no tool's is.
			line, err := in.ReadSlice('\n')
			if bytes.Contains(line, []byte(word)) {
				s.sockets++
				if owner != "" && bytes.Contains(line, []byte(owner)) {
					s.owned++
				}
			}
			switch {
			case err == nil, errors.Is(err, bufio.ErrBufferFull):
			case errors.Is(err, io.EOF):
				return s, nil
			default:
				return s, err
			}
		}
	}
}

// countOf reads the number that `count` prints before a state.
func countOf(state string) func(io.Reader) (seen, error) {
	return func(r io.Reader) (seen, error) {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if !slices.Contains(fields, state) {
				continue
			}
			n, err := strconv.Atoi(fields[0])
			return seen{n, -1}, err
		}
		return seen{0, -1}, lines.Err()
	}
}

// verdict is what is needed of doctor's report.
type verdict struct {
	Verdict string `json:"verdict"`
	Totals  struct {
		Sockets int            `json:"sockets"`
		ByState map[string]int `json:"by_state"`
	} `json:"totals"`
	Findings []struct {
		ID       string `json:"id"`
		Severity string `json:"severity"`
	} `json:"findings"`
	Limits []struct {
		ID          string   `json:"id"`
		Utilization *float64 `json:"utilization"`
	} `json:"limits"`
}

func readVerdict(r io.Reader) (v verdict, err error) {
	err = json.NewDecoder(r).Decode(&v)
	return v, err
}

// said is the verdict with its findings in a few words.
func (v *verdict) said() string {
	if len(v.Findings) == 0 {
		return v.Verdict + ", no findings"
	}
	var all []string
	times := map[string]int{}
	for _, f := range v.Findings {
		what := f.ID + " (" + f.Severity + ")"
		if times[what]++; times[what] == 1 {
			all = append(all, what)
		}
	}
	for i, what := range all {
		if n := times[what]; n > 1 {
			all[i] = fmt.Sprintf("%s ×%d", what, n)
		}
	}
	return v.Verdict + ": " + strings.Join(all, ", ")
}

// falseAlarms lists what was said that cannot be, of a machine that is known to
// be healthy and to have that many sockets in a state.
func (v *verdict) falseAlarms(state string, sockets int) (wrong []string) {
	if n := v.Totals.ByState[state]; n != sockets {
		wrong = append(wrong, fmt.Sprintf("%s %s in totals, %s made", thousands(n), state, thousands(sockets)))
	}
	for _, f := range v.Findings {
		if f.Severity != "notice" {
			wrong = append(wrong, f.ID+" is no "+f.Severity)
		}
	}
	for _, l := range v.Limits {
		if l.ID == "ephemeral-ports" && l.Utilization != nil && *l.Utilization >= 0.7 {
			wrong = append(wrong, fmt.Sprintf("%s used to %.0f %%", l.ID, 100**l.Utilization))
		}
	}
	return wrong
}
