package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// remembered is what `list` knows of sockets in TIME_WAIT whose processes and
// closers are known: all of them were opened by some clients, and closed by them
// first.
type remembered struct {
	made    int // by the kernel's count
	sockets int // listed
	openers int // of those, with an opener
	right   int // of those, with the right one
	closers int // closed from here, as it was
	code    int // with the function that did it
}

// readRemembered reads the lines of `list --format ndjson`.
func readRemembered(r io.Reader, clients map[int]bool) (m remembered, err error) {
	in := json.NewDecoder(r)
	for {
		var row struct {
			State  string `json:"state"`
			Opener *struct {
				PID  int `json:"pid"`
				Code *struct {
					Function string `json:"function"`
				} `json:"code"`
			} `json:"opener"`
			Closer *string `json:"closer"`
		}
		switch err := in.Decode(&row); {
		case errors.Is(err, io.EOF):
			return m, nil
		case err != nil:
			return m, err
		}
		if row.State != "TIME_WAIT" {
			continue
		}
		m.sockets++
		if row.Closer != nil && *row.Closer == "local" {
			m.closers++
		}
		if row.Opener == nil {
			continue
		}
		m.openers++
		if clients[row.Opener.PID] {
			m.right++
		}
		if c := row.Opener.Code; c != nil && strings.HasSuffix(c.Function, ".connectAndClose") {
			m.code++
		}
	}
}

func (m *remembered) print(w io.Writer) {
	fmt.Fprintf(w, "\nMemory of a churn: %s sockets in TIME_WAIT, made while the tracer was attached\n", thousands(m.made))
	for _, line := range []struct {
		what string
		n    int
	}{
		{"listed", m.sockets},
		{"with their opener", m.openers},
		{"  the process that it was", m.right},
		{"  and the function", m.code},
		{"with their closer", m.closers},
	} {
		fmt.Fprintf(w, "%-28s %8s %8s\n", line.what, thousands(line.n), m.part(line.n))
	}
}

func (m *remembered) part(n int) string {
	if m.made == 0 {
		return "-"
	}
	// Never rounded up to all of them.
	if n < m.made && float64(n)/float64(m.made) > 0.999 {
		return "99.9 %"
	}
	return percent(float64(n) / float64(m.made))
}

func (m *remembered) goals() []goal {
	is := func(what string, n int) goal {
		return goal{what, thousands(n) + " of " + thousands(m.made), m.made > 0 && n == m.made && m.sockets == m.made}
	}
	return []goal{
		is("every TIME_WAIT has the process that opened it", m.right),
		is("every TIME_WAIT has its closer", m.closers),
	}
}
