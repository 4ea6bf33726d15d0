package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
	"sockeye/internal/tune"
)

// fullPlan is a plan with everything that one can hold.
func fullPlan() tune.Plan {
	return tune.Plan{NetNS: 4026532177,
		Changes: []tune.Change{
			{Setting: "net.ipv4.ip_local_reserved_ports", NetNS: 4026532177, Scope: tune.Namespace, To: strings.Repeat("8080,", 40) + "9090", Finding: "port-exhaustion",
				Reason: "reserve", Values: tune.Values{Ports: "8080, 9090", Need: 2}},
			{Setting: "net.ipv4.ip_local_port_range", NetNS: 4026532177, Scope: tune.Namespace, From: "1024\t65000", To: "10240 65535", Finding: "harmful-setting",
				Reason: "range-back", Undoes: true, Values: tune.Values{Capacity: 63977, Need: 55296}},
			{Setting: "net.ipv4.tcp_mem", NetNS: 1, Scope: tune.Host, From: "1\t2\t3", To: "4 5 6", Finding: "tcp-memory-pressure", Reason: "tcp-mem",
				Values: tune.Values{Need: 1 << 30, Memory: 4 << 30, Capacity: 2 << 30}},
		},
		ByHand: []tune.Change{{Kind: tune.Systemd, Setting: "LimitNOFILE", Scope: tune.Host, From: "1024", To: "65536", Finding: "fd-exhaustion", Reason: "limit-nofile",
			Values: tune.Values{Unit: "shop.service", Need: 65536, Capacity: 1024}},
			{Kind: tune.Registry, Setting: "MaxUserPort", Scope: tune.Host, From: "65534", Finding: "harmful-setting", Reason: "max-user-port-back", Undoes: true}},
		Left: []tune.Left{{Setting: "net.ipv4.tcp_tw_reuse", Value: "1", Reason: "tw-reuse-on"}, {Setting: "net.ipv4.tcp_tw_reuse_delay", Reason: "unknown"}},
		AtSource: []tune.AtSource{
			{Finding: "port-exhaustion", Title: "No ports for ev\x1b[31mil\u202e", Helped: true, Remedy: &diagnose.Remedy{Kind: "code", Title: "Reuse", Detail: "Pool \x1b[2J.", Command: "client.close()"}},
			{Finding: "close-wait-leak", Only: true, Cure: "close-connections"},
		},
	}
}

// elsewhere is a report of a namespace that has a name that nobody may run.
func elsewhere(lang string, name diagnose.Optional) *diagnose.Report {
	r := sick(lang)
	r.Namespaces = []diagnose.NetNS{{Inode: "4026532177", Name: name, PID: ptr(int32(4711))}}
	return r
}

func TestPlanText(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{60, 80, 120} {
			var got bytes.Buffer
			if err := PlanText(&got, fullPlan(), elsewhere(lang, ""), book, TextOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			for _, r := range got.String() {
				if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
					t.Fatalf("%s: raw %U in %q", lang, r, got.String())
				}
			}
			for l := range strings.Lines(got.String()) {
				// Commands are never broken, and a setting stands on one line with its values.
				whole := strings.Contains(l, "nsenter ") || strings.Contains(l, "/etc/systemd/") || strings.Contains(l, "systemctl ") ||
					strings.Contains(l, "reg delete") || strings.Contains(l, " → ") || strings.Contains(l, "sockeye 0.1.0")
				if l = strings.TrimSuffix(l, "\n"); visible(l) > width && !whole {
					t.Errorf("%s at width %d: %q", lang, width, l)
				}
			}
			for _, want := range []string{
				"nsenter -t 4711 -n sysctl -w net.ipv4.ip_local_reserved_ports=\"" + strings.Repeat("8080,", 40) + "9090\"\n",
				"sysctl -w net.ipv4.tcp_mem=\"4 5 6\"\n", "2. net.ipv4.ip_local_port_range  1024 65000 → 10240 65535\n", "client.close()\n",
				"net.ipv4.tcp_tw_reuse = 1\n", "close-wait-leak",
			} {
				if !strings.Contains(got.String(), want) {
					t.Errorf("%s at width %d: no %q in\n%s", lang, width, want, got.String())
				}
			}
			if strings.Contains(got.String(), "-n sysctl -w net.ipv4.tcp_mem") {
				t.Errorf("%s: a setting of the machine is set inside of a namespace", lang)
			}
		}
	}
}

func TestPlanJSON(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, plan := range []tune.Plan{fullPlan(), {}} {
		var buf bytes.Buffer
		if err := PlanJSON(&buf, plan, elsewhere("en", ""), book); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["schema"] != PlanSchema {
			t.Errorf("schema %v", got["schema"])
		}
		for _, list := range []string{"changes", "by_hand", "left", "at_source"} {
			if _, ok := got[list].([]any); !ok {
				t.Errorf("%s is %v, want a list", list, got[list])
			}
		}
		if len(plan.Changes) == 0 {
			continue
		}
		change := got["changes"].([]any)[1].(map[string]any)
		for _, key := range []string{"setting", "netns", "scope", "from", "to", "finding", "reason", "undoes", "values", "title", "why", "does_not", "risk", "when", "proof", "command"} {
			if change[key] == nil {
				t.Errorf("no %q in a change", key)
			}
		}
		source := got["at_source"].([]any)[1].(map[string]any)
		if source["title"] != "close-wait-leak" || source["only"] != true || source["remedy"].(map[string]any)["title"] == "" {
			t.Errorf("at the source: %v", source)
		}
	}
}

// What another user named a namespace is not put into a command.
func TestPlanEntersByNameOrPID(t *testing.T) {
	for name, want := range map[diagnose.Optional]string{
		"blue": "ip netns exec blue ", "": "nsenter -t 4711 -n ", "a b": "nsenter -t 4711 -n ", "$(id)": "nsenter -t 4711 -n ", "-x": "nsenter -t 4711 -n ",
	} {
		if got := entering(elsewhere("en", name), "4026532177"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	r := elsewhere("en", "blue")
	r.Namespaces[0].Self = true
	if got := entering(r, "4026532177"); got != "" {
		t.Errorf("into our own: %q", got)
	}
}
