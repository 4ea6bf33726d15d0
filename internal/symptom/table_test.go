package symptom

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// findings is the catalogue: diagnose has a rule, or words, for each.
var findings = strings.Fields(`port-exhaustion bind-port-exhaustion port-range-narrow fd-exhaustion file-table-full accept-queue-overflow
 syn-queue-pressure time-wait-buckets-full orphan-limit tcp-memory-pressure conntrack-full neighbour-table-full nonpaged-pool memory-or-disk-low
 short-lived-connections close-wait-leak never-accepted fin-wait-2-held unreachable-destination connection-scan retry-storm half-open-connections
 connection-leak unconnected-socket-leak slow-reader slow-peer stuck-closing address-in-use service-port-taken self-connect linger-reset
 application-cap nat-exhaustion udp-port-exhaustion proxied-twice blocked-by-policy excluded-port-range address-not-local time-wait-stuck
 suspicious-process harmful-setting`)

func TestCandidatesAreFindings(t *testing.T) {
	check := func(where string, list []string) {
		for i, id := range list {
			if !slices.Contains(findings, id) {
				t.Errorf("%s: %s is no finding", where, id)
			}
			if slices.Contains(list[:i], id) {
				t.Errorf("%s: %s twice", where, id)
			}
		}
		if len(list) == 0 {
			t.Errorf("%s has no candidates", where)
		}
	}
	for _, c := range ready().codes {
		if c.Candidates[""] == nil || c.Weight == 0 {
			t.Errorf("%s: candidates for any call, or the weight, are missing", c.Name)
		}
		for key, list := range c.Candidates {
			check(c.Name+" "+key, list)
			if _, call, _ := strings.Cut("/"+key, "/"); strings.Count(key, "/") > 1 || call == "" && key != "" {
				t.Errorf("%s: key %q", c.Name, key)
			}
		}
	}
	id := regexp.MustCompile(`^[a-z][a-z0-9-]+$`)
	for _, m := range ready().messages {
		if m.Mild {
			if len(m.Candidates) > 0 || m.code != nil {
				t.Errorf("%s is mild, and has candidates or a code that has some", m.ID)
			}
		} else {
			check(m.ID, m.Candidates)
		}
		for call, list := range m.When {
			check(m.ID+" "+call, list)
		}
		if !id.MatchString(m.ID) {
			t.Errorf("id %q", m.ID)
		}
		if m.Weight == 0 && m.code == nil {
			t.Errorf("%s has no weight", m.ID)
		}
	}
}

// TestEveryPatternIsFound: each pattern, in other words and in another case, is taken
// for the message or the code that it belongs to, and for nothing else.
func TestEveryPatternIsFound(t *testing.T) {
	line := func(pattern string) string { return strings.ReplaceAll(pattern, "…", " xyzzy ") }
	for _, m := range ready().messages {
		for _, p := range m.Patterns {
			got := scan("** " + line(p) + " **")
			if len(got) != 1 || got[0].ID != m.ID {
				t.Errorf("%s: %q is %s", m.ID, p, briefs(got))
			}
		}
	}
	for _, c := range ready().codes {
		for system, texts := range c.Texts {
			for _, text := range texts {
				got := scan("connect: " + line(text) + "!")
				if len(got) != 1 || strings.TrimPrefix(got[0].Code, "WSA") != c.Name || got[0].Call != "connect" {
					t.Errorf("%s %s: %q is %s", c.Name, system, text, briefs(got))
				}
			}
		}
		for _, name := range []string{c.Name, strings.ToLower(c.Name), "WSA" + c.Name, "UV_" + c.Name} {
			if got := scan("connect failed: " + name); len(got) != 1 || strings.TrimPrefix(got[0].Code, "WSA") != c.Name {
				t.Errorf("%s is %s", name, briefs(got))
			}
		}
	}
}

func TestTableRefuses(t *testing.T) {
	for _, text := range []string{
		"codes: [{name: X, colour: red}]",
		"codes: [{name: X, texts: {amiga: [a]}}]",
		"messages: [{id: a, code: NONE, patterns: [b]}]",
		"codes: [{name: X, texts: {posix: [\"a……b\"]}}]\nmessages: [{id: a, patterns: [\"\"]}]",
	} {
		if _, err := load([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestTableIsDiffable keeps tabs and trailing space out of the data file.
func TestTableIsDiffable(t *testing.T) {
	data, err := os.ReadFile("messages.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range strings.Split(string(data), "\n") {
		if strings.TrimRight(l, " \t") != l || strings.Contains(l, "\t") {
			t.Errorf("line %d has tabs or ends in space", i+1)
		}
	}
}
