package report

import (
	"bytes"
	"strings"
	"testing"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
)

// A report with a finding that a setting helps ends with the command that plans it,
// for the namespace of that finding, and no other report does.
func TestLeadsToThePlan(t *testing.T) {
	kernel := []diagnose.Remedy{{Kind: "kernel", Title: "A setting"}}
	in := func(id, netns string, r []diagnose.Remedy) diagnose.Finding {
		return diagnose.Finding{ID: id, Severity: diagnose.Warning, Certainty: diagnose.Likely, Title: id, NetNS: netns, Remedies: r}
	}
	spaces := []diagnose.NetNS{{Inode: "1", Self: true}, {Inode: "2", Name: "web", PID: ptr(int32(70))}, {Inode: "3", Name: "a; reboot", PID: ptr(int32(71))},
		{Inode: "4", Name: "-x"}, {Inode: "5", Name: "123", PID: ptr(int32(72))}, {Inode: "6", Name: "all", PID: ptr(int32(73))}}
	for _, tt := range []struct {
		name, os, kind string
		found          []diagnose.Finding
		want           string
	}{
		{"here", "linux", "live", []diagnose.Finding{in("port-exhaustion", "1", kernel)}, "sudo sockeye tune plan"},
		{"of the machine", "linux", "live", []diagnose.Finding{in("orphan-limit", "", kernel)}, "sudo sockeye tune plan"},
		{"there, by name", "linux", "live", []diagnose.Finding{in("address-in-use", "1", kernel), in("port-exhaustion", "2", kernel), in("conntrack-full", "1", kernel)},
			"sudo sockeye tune plan --netns web"},
		{"a name that nobody may type", "linux", "live", []diagnose.Finding{in("port-exhaustion", "3", kernel)}, "sudo sockeye tune plan --netns 71"},
		{"nothing to name it by", "linux", "live", []diagnose.Finding{in("port-exhaustion", "4", kernel)}, ""},
		{"a name that is a number", "linux", "live", []diagnose.Finding{in("port-exhaustion", "5", kernel)}, "sudo sockeye tune plan --netns 72"},
		{"a name that is a word of the flag", "linux", "live", []diagnose.Finding{in("port-exhaustion", "6", kernel)}, "sudo sockeye tune plan --netns 73"},
		{"only the program helps", "linux", "live", []diagnose.Finding{in("port-exhaustion", "1", []diagnose.Remedy{{Kind: "code", Title: "x"}})}, ""},
		{"a command that is no plan's", "linux", "live", []diagnose.Finding{in("address-not-local", "1", kernel)}, ""},
		{"Windows", "windows", "live", []diagnose.Finding{in("port-exhaustion", "", kernel)}, "sockeye tune plan"},
		{"a system without a planner", "darwin", "live", []diagnose.Finding{in("port-exhaustion", "", kernel)}, ""},
		{"somebody else's machine", "linux", "paste", []diagnose.Finding{in("port-exhaustion", "1", kernel)}, ""},
	} {
		for lang, lead := range map[string]string{"en": "Settings computed for this machine: ", "zh": "为这台机器算出的参数："} {
			book, err := knowledge.Open(lang)
			if err != nil {
				t.Fatal(err)
			}
			r := sick(lang)
			r.Host.OS, r.Source.Kind, r.Findings, r.Namespaces = &tt.os, tt.kind, tt.found, spaces
			for form, mark := range map[string]string{"text": "", "markdown": "`"} {
				var got bytes.Buffer
				if form == "text" {
					err = Text(&got, r, book, TextOptions{Width: 80})
				} else {
					err = Markdown(&got, r, book)
				}
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == "" && strings.Contains(got.String(), "tune plan") || tt.want != "" && !strings.HasSuffix(got.String(), "\n\n"+lead+mark+tt.want+mark+"\n") {
					t.Errorf("%s, %s %s: want %q at the end of\n%s", tt.name, lang, form, tt.want, got.String())
				}
			}
		}
	}
}

// The entry of a finding that a setting helps leads to its plan.
func TestEntryLeadsToThePlan(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]bool{"port-exhaustion": true, "conntrack-full": true, "suspicious-process": false, "close-wait-leak": false} {
			e, ok := book.Entry(knowledge.KindFinding, id)
			if !ok {
				t.Fatalf("no entry %s", id)
			}
			var got bytes.Buffer
			if err := Entry(&got, e, book, TextOptions{Width: 60}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(got.String(), "`sockeye tune plan --for "+id+"`\n") != want {
				t.Errorf("%s %s: want %v in\n%s", lang, id, want, got.String())
			}
		}
	}
}
