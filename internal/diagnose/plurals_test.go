package diagnose

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"sockeye/internal/knowledge"
)

// One of a thing is not "1 things", nor are there "1 of them are".
func TestPlurals(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	wrong := regexp.MustCompile(`(^|[^\d.,/–])1 (?:(?:more|further|other|new|usable|established|idle|half-closed|different|local|TCP|retried|connect\(\)) )*` +
		`(?:sockets|connections|connects|destinations|machines|ports|clients|calls|SYNs|times|descriptors|attempts|addresses|programs|processes|failures)\b` +
		`|(^|[^\d.,/–])1 (?:of (?:them|those|the other ends|the machines) )?(?:are|were|hold|have|wait|resend|repeat|come|go)\b`)
	for _, id := range []string{"port-exhaustion", "short-lived-connections", "connection-scan", "retry-storm", "close-wait-leak",
		"unconnected-socket-leak", "connection-leak", "fin-wait-2-held", "half-open-connections", "slow-reader", "slow-peer",
		"stuck-closing", "address-not-local", "blocked-by-policy", "unreachable-destination", "time-wait-buckets-full",
		"time-wait-stuck", "orphan-limit", "udp-port-exhaustion", "nat-exhaustion", "proxied-twice", "linger-reset", "fd-exhaustion",
		"harmful-setting", "suspicious-process", "accept-queue-overflow", "syn-queue-pressure", "never-accepted", "conntrack-full",
		"neighbour-table-full", "tcp-memory-pressure", "application-cap", "address-in-use", "bind-port-exhaustion"} {
		raw, err := os.ReadFile(filepath.Join("..", "knowledge", "data", "en", "findings", id+".md"))
		if err != nil {
			t.Fatal(err)
		}
		front, _, _ := strings.Cut(strings.TrimPrefix(string(raw), "---\n"), "\n---\n")
		var entry struct {
			Evidence map[string]string `yaml:"evidence"`
		}
		if err := yaml.Unmarshal([]byte(front), &entry); err != nil {
			t.Fatal(err)
		}
		for _, process := range []string{"", "java"} {
			v := ones()
			v.Process = process
			said := map[string]string{}
			w, err := book.Finding(id, v)
			if err != nil {
				t.Fatal(err)
			}
			said["title"], said["explanation"] = w.Title, w.Explanation
			for key := range entry.Evidence {
				if said[key], err = book.Evidence(id, key, v); err != nil {
					t.Fatal(err)
				}
			}
			for key, s := range said {
				if m := wrong.FindString(s); m != "" {
					t.Errorf("%s %s: %q in %q", id, key, m, s)
				}
			}
		}
	}
}

// ones are values of which every count is one.
func ones() *knowledge.Values {
	v := &knowledge.Values{Dest: "10.0.0.2:3306", Window: time.Second, Share: 0.5, Rate: 12}
	e := reflect.ValueOf(v).Elem()
	for i := range e.NumField() {
		if e.Field(i).Kind() == reflect.Uint64 {
			e.Field(i).SetUint(1)
		}
	}
	v.Usable = 28232
	return v
}
