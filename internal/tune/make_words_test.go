package tune

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"

	"sockeye/internal/knowledge"
)

// literals are the strings that the planner's own source holds.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("make*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil {
					out[s] = true
				}
			}
			return true
		})
	}
	return out
}

// asked are the reasons that the source gives, by where they stand.
func asked(t *testing.T) (changes, left map[string]bool) {
	t.Helper()
	changes, left = map[string]bool{}, map[string]bool{}
	reason := regexp.MustCompile(`Reason: *"([a-z0-9-]+)"|\bc\.Reason(?:, c\.Undoes)? = (?:[a-z]+, )?"([a-z0-9-]+)"|by, c\.Reason(?:, c\.Undoes)? = [a-z]+, "([a-z0-9-]+)"|by, to, c\.Reason(?:, c\.Undoes)? = [^"]*"([a-z0-9-]+)"|newLow, newHigh, c\.Reason = [a-zA-Z]+, [a-zA-Z]+, "([a-z0-9-]+)"`)
	stays := regexp.MustCompile(`\.left\([^"]*(?:"[^"]*"[^"]*)?, "([a-z0-9-]+)", |return "([a-z0-9-]+)"|always\("([a-z0-9-]+)"\)`)
	files, _ := filepath.Glob("make*.go")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for line := range strings.Lines(string(text)) {
			for _, m := range reason.FindAllStringSubmatch(line, -1) {
				changes[strings.Join(m[1:], "")] = true
			}
			for _, m := range stays.FindAllStringSubmatch(line, -1) {
				left[strings.Join(m[1:], "")] = true
			}
		}
	}
	for _, s := range switches {
		changes[s.reason] = true
	}
	return changes, left
}

// parts are the sentences of each change.
var parts = []string{"title", "why", "does-not", "risk", "when", "proof"}

// Every reason has all of its words in both languages, filled in or not, and no
// words are left of a reason that nothing gives.
func TestReasonsHaveWords(t *testing.T) {
	changes, left := asked(t)
	if len(changes) < 30 || len(left) < 30 {
		t.Fatalf("found only %d and %d reasons: is the source read rightly?", len(changes), len(left))
	}
	lits := literals(t)
	full := Values{Rate: 466.5, Need: 28231, Memory: 3 << 30, Capacity: 28232, Ports: "8080, 9090", Backlog: 50, Unit: "shop.service"}
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		sound := func(where, s string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", lang, err)
			} else if strings.TrimSpace(s) == "" || strings.Contains(s, "{{") || strings.Contains(s, "<no value>") || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%s %s: %q", lang, where, s)
			}
		}
		for r := range changes {
			for _, v := range []Values{{}, full} {
				told, err := Tell(book, Change{Setting: "net.ipv4.x", From: "0", To: "1", Reason: r, Values: v})
				for i, s := range []string{told.Title, told.Why, told.DoesNot, told.Risk, told.When, told.Proof} {
					sound(r+"."+parts[i], s, err)
				}
			}
		}
		for r := range left {
			for _, v := range []Values{{}, full} {
				s, err := TellLeft(book, Left{Setting: "net.ipv4.x", Value: "1", Reason: r, Values: v})
				sound(r, s, err)
			}
		}
		for id, cure := range cures {
			if cure != "" {
				_, err := book.Remedy(cure, "", &knowledge.Values{})
				sound(id, cure, err)
			}
		}
		var words map[string]string
		text, err := os.ReadFile("../knowledge/data/" + lang + "/tune.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &words); err != nil {
			t.Fatal(err)
		}
		for key := range words {
			key, _ = strings.CutPrefix(key, "tune.")
			if strings.HasPrefix(key, "plan.") {
				continue
			}
			r, isLeft := strings.CutPrefix(key, "left.")
			if !isLeft {
				r, _, _ = strings.Cut(key, ".")
			}
			if isLeft && !left[r] || !isLeft && !changes[r] || !lits[r] {
				t.Errorf("%s: nothing gives the reason of %q", lang, key)
			}
		}
	}
}

// What is hushed is something that a plan says.
func TestQuietReasons(t *testing.T) {
	_, left := asked(t)
	for _, r := range quiet {
		if !left[r] {
			t.Errorf("no setting is left because of %q", r)
		}
	}
}

// One port is not "1 ports".
func TestOnePort(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	told, err := Tell(book, Change{Reason: "reserve", Values: Values{Need: 1, Ports: "8080"}})
	if err != nil || !strings.Contains(told.Risk, "1 port less") {
		t.Errorf("%q, %v", told.Risk, err)
	}
}

// Whoever names a finding gets an answer, and no finding is forgotten.
func TestCuresOfEveryFinding(t *testing.T) {
	files, err := filepath.Glob("../knowledge/data/en/findings/*.md")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d findings, %v", len(files), err)
	}
	for _, name := range files {
		if id := strings.TrimSuffix(filepath.Base(name), ".md"); !Knows(id) {
			t.Errorf("no plan can be made for %s", id)
		}
	}
	for id := range cures {
		if !slices.ContainsFunc(files, func(name string) bool { return filepath.Base(name) == id+".md" }) {
			t.Errorf("there is no finding %s", id)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		c    Change
		want string
	}{
		{Change{Setting: "net.ipv4.tcp_tw_reuse", To: "1"}, "sysctl -w net.ipv4.tcp_tw_reuse=1"},
		{Change{Setting: "net.ipv4.ip_local_port_range", To: "10240\t65535"}, `sysctl -w net.ipv4.ip_local_port_range="10240 65535"`},
		{Change{Kind: Netsh, To: "10000 55536"}, "netsh int ipv4 set dynamicport tcp start=10000 num=55536"},
		{Change{Kind: Registry, Setting: "TcpTimedWaitDelay", To: "60"}, `reg add "HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters" /v TcpTimedWaitDelay /t REG_DWORD /d 60 /f`},
		{Change{Kind: Prlimit, To: "65536"}, "prlimit --pid PID --nofile=65536:"},
		{Change{Kind: Prlimit, To: "65536", Values: Values{PID: 8, Hard: 524288}}, "prlimit --pid 8 --nofile=65536:"},
		{Change{Kind: Prlimit, To: "65536", Values: Values{PID: 8, Hard: 4096}}, "prlimit --pid 8 --nofile=65536:65536"},
		{Change{Kind: Netsh, To: "10050 2", Reason: "exclude-ports"}, "netsh int ipv4 add excludedportrange protocol=tcp startport=10050 numberofports=2 store=persistent"},
		{Change{Kind: NetTCP, To: "10000 55536"}, "Set-NetTCPSetting -SettingName InternetCustom -AutoReusePortRangeStartPort 10000 -AutoReusePortRangeNumberOfPorts 55536"},
		{Change{Kind: Registry, Setting: "MaxUserPort"}, `reg delete "HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters" /v MaxUserPort /f`},
	} {
		if got := tt.c.Command(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	unit := Change{Kind: Systemd, To: "65536", Values: Values{Unit: "shop.service"}}
	if got := unit.Command(); !strings.Contains(got, "/etc/systemd/system/shop.service.d/60-limits.conf\n") || !strings.Contains(got, "LimitNOFILE=65536:65536") {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"-x.service", "../x.service", "a b.service", "$(id).service", "x\n.service", "user@0.service", "x.socket", "a/b.service"} {
		if isService(name) {
			t.Errorf("%q may stand in a command", name)
		}
	}
}
