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
		Left: []tune.Left{{Setting: "net.ipv4.tcp_tw_reuse", Value: "1", Reason: "tw-reuse-on"}, {Setting: "net.ipv4.tcp_tw_reuse_delay", Reason: "unknown"},
			{Setting: "net.ipv4.tcp_syncookies", Value: "1", Reason: "syncookies-on"}},
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
				// Commands are never broken.
				whole := strings.Contains(l, "nsenter ") || strings.Contains(l, "/etc/systemd/") || strings.Contains(l, "systemctl ") ||
					strings.Contains(l, "reg delete") || strings.Contains(l, "sockeye 0.1.0")
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
			if strings.Contains(got.String(), "4711 -n sysctl -w net.ipv4.tcp_mem") || !strings.Contains(got.String(), "nsenter -t 1 -n sysctl -w net.ipv4.tcp_mem") {
				t.Errorf("%s: a setting of the machine is set inside of a namespace", lang)
			}
			if strings.Contains(got.String(), "tcp_syncookies =") || !strings.Contains(got.String(), "        tcp_syncookies\n") {
				t.Errorf("%s: a setting that is right has a line, or no name", lang)
			}
		}
	}
}

// A long list of ports that grows at its end shows what it grows by, and a setting's
// values stand below it where they have no room beside it.
func TestPlanHeading(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Repeat("33001,", 40) + "33003"
	for _, tt := range []struct {
		from, to string
		width    int
		want     string
	}{
		{"0", "1", 60, "7. net.ipv4.tcp_tw_reuse  0 → 1\n"},
		{"4096 131072 6291456", "4096 131072 16777216", 60, "7. net.ipv4.tcp_tw_reuse\n        4096 131072 6291456 → 4096 131072 16777216\n"},
		{list, list + ",65000", 60, "7. net.ipv4.tcp_tw_reuse\n        …,33001,33001,33001,33001,33001,33001,33001,33003\n        → …,33001,33001,33001,33001,33001,33001,33003,65000\n"},
		{list, "", 64, "7. net.ipv4.tcp_tw_reuse\n        33001,33001,33001,33001,33001,33001,33001,33001,33001,3…\n        → (empty)\n"},
	} {
		var got bytes.Buffer
		p := newPrinter(&got, book, TextOptions{Width: tt.width})
		p.heading("7. ", planned{Change: tune.Change{Setting: "net.ipv4.tcp_tw_reuse", From: tt.from, To: tt.to}})
		if err := p.end(); err != nil || got.String() != tt.want {
			t.Errorf("%v\n got %q\nwant %q", err, got.String(), tt.want)
		}
	}
}

// textOf is a plan as a person reads it, in lines that nothing breaks.
func textOf(t *testing.T, plan tune.Plan, wide bool) string {
	t.Helper()
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := PlanText(&got, plan, elsewhere("en", ""), book, TextOptions{Width: 400, Wide: wide}); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// Settings that are right are counted and named; who asks for everything sees them.
func TestPlanCountsWhatIsRight(t *testing.T) {
	right := tune.Plan{Left: []tune.Left{{Setting: "net.ipv4.tcp_syncookies", Value: "1", Reason: "syncookies-on"},
		{Setting: "net.ipv4.tcp_fin_timeout", Value: "30", Reason: "fin-timeout-useless"}, {Setting: "net.ipv4.tcp_tw_recycle", Reason: "tw-recycle-gone"},
		{Setting: "net.core.somaxconn", Value: "4096", Reason: "somaxconn-calm"}}}
	got, all := textOf(t, right, false), textOf(t, right, true)
	for line, want := range map[string]bool{"  2 settings are right as they are (--wide)\n        tcp_syncookies, somaxconn\n": true, "tcp_syncookies = 1": false, "tcp_tw_recycle": false, "net.ipv4.tcp_fin_timeout = 30\n": true} {
		if strings.Contains(got, line) != want {
			t.Errorf("%q: want %v in\n%s", line, want, got)
		}
	}
	for _, line := range []string{"tcp_syncookies = 1\n", "tcp_tw_recycle\n", "tcp_fin_timeout = 30\n"} {
		if !strings.Contains(all, line) {
			t.Errorf("no %q in\n%s", line, all)
		}
	}
	right.Profile = tune.Server
	if !strings.Contains(textOf(t, right, false), "net.ipv4.tcp_tw_recycle\n") {
		t.Error("who plans for a profile is not told that a setting is gone")
	}
}

// Every change says what it is for, and a plan what it was made for.
func TestPlanSaysWhatFor(t *testing.T) {
	change := tune.Change{Setting: "net.ipv4.tcp_max_tw_buckets", NetNS: 7, From: "5000", To: "131072", Finding: "time-wait-buckets-full", Reason: "tw-buckets-back", Undoes: true}
	got := textOf(t, tune.Plan{NetNS: 7, For: "time-wait-buckets-full", Changes: []tune.Change{change},
		AtSource: []tune.AtSource{{Finding: "time-wait-buckets-full", Helped: true, Cure: "reuse-connections"}}}, false)
	for _, want := range []string{"Planned for time-wait-buckets-full", "  for   The limit of TIME_WAIT sockets is reached (time-wait-buckets-full) (the way back from a harmful value)\n", "(the settings above cure it"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	change = tune.Change{Setting: "net.core.somaxconn", NetNS: 7, From: "128", To: "4096", Reason: "somaxconn"}
	if got := textOf(t, tune.Plan{NetNS: 7, Profile: tune.Server, Changes: []tune.Change{change}}, false); strings.Count(got, " server") != 2 {
		t.Errorf("the head and the change name the profile:\n%s", got)
	}
}

// What only a person can do is no reason to say that nothing helps.
func TestPlanByHandOnly(t *testing.T) {
	got := textOf(t, tune.Plan{For: "fd-exhaustion", ByHand: []tune.Change{{Kind: tune.Prlimit, Setting: "RLIMIT_NOFILE", To: "65536", Scope: tune.Host, Reason: "prlimit"}},
		AtSource: []tune.AtSource{{Finding: "fd-exhaustion", Cure: "find-open-files"}}}, false)
	for line, want := range map[string]bool{"helps any further": false, "prlimit --pid PID --nofile=65536:\n": true, "for p in /proc/[0-9]*": true, "this process only": true} {
		if strings.Contains(got, line) != want {
			t.Errorf("%q: want %v in\n%s", line, want, got)
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
