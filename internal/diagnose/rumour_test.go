package diagnose

import (
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestHarmlessEnd(t *testing.T) {
	for name, want := range map[string]bool{
		"10.0.0.5:8080": true, "[2001:db8::1]:443": true, "db-1.example.com:3306": true,
		"": false, "-oProxyCommand=x:1": false, "a;reboot:80": false, "$(id):80": false, "a b:80": false,
	} {
		if harmlessEnd(name) != want {
			t.Errorf("harmlessEnd(%q), want %v", name, want)
		}
	}
}

func failed(code string, count uint64) host.Symptom {
	return host.Symptom{ID: strings.ToLower(code), Code: code, Call: "connect", Count: count, Example: "connect failed: " + code, Candidates: []string{"unreachable-destination", "retry-storm"}}
}

// TestMannersOfFailing: a refusal is an answer, and the words must not say that none came.
func TestMannersOfFailing(t *testing.T) {
	for _, c := range []struct {
		sym                   host.Symptom
		severity              Severity
		title, explains, cure string
	}{
		{at(failed("ECONNREFUSED", 3), "10.0.0.2:3306"), Notice, "nobody listens", "answered at once", "port 3306"},
		{at(failed("WSAECONNREFUSED", 3), "10.0.0.2:3306"), Notice, "nobody listens", "answered at once", "port 3306"},
		{failed("ECONNREFUSED", 300), Warning, "nobody listens", "answered at once", "the port is not among it"},
		{at(failed("ETIMEDOUT", 1), "10.0.0.2:3306"), Warning, "does not answer", "neither with an acceptance nor", "ip route get 10.0.0.2"},
		{failed("ETIMEDOUT", 1), Warning, "does not answer", "neither with an acceptance nor", "timeout"},
		{failed("EHOSTUNREACH", 1), Warning, "no way to the destination", "there is no route", "After a failure wait"},
		{failed("", 1), Warning, "cannot be reached", "does not say why", "timeout"},
	} {
		rep := clipOf("linux").tells(t, c.sym)
		if len(rep.Findings) != 1 {
			t.Fatalf("%s: %v", c.sym.Code, short(rep))
		}
		f := rep.Findings[0]
		var cures []string
		for _, r := range f.Remedies {
			cures = append(cures, r.Title+" "+r.Detail+" "+string(r.Command))
			for _, line := range strings.Split(string(r.Command), "\n") {
				if strings.HasSuffix(strings.TrimSpace(line), " get") || strings.HasSuffix(strings.TrimSpace(line), " dst") {
					t.Errorf("%s: a command that lacks its address: %q", c.sym.Code, r.Command)
				}
			}
		}
		if f.Severity != c.severity || !strings.Contains(f.Title, c.title) || !strings.Contains(f.Explanation, c.explains) || !strings.Contains(strings.Join(cures, "\n"), c.cure) {
			t.Errorf("%s x%d: %s %q\n%s\n%q", c.sym.Code, c.sym.Count, f.Severity, f.Title, f.Explanation, cures)
		}
	}
}

// TestRefusedIsNotUnanswered: sockets that wait for an answer are not what a log's
// refusals are about.
func TestRefusedIsNotUnanswered(t *testing.T) {
	waiting := clipOf("linux").rows(60, tcp.SynSent, 812, "10.0.0.1:%d", "10.0.0.2:3306", 40000)
	rep := waiting.tells(t, at(failed("ECONNREFUSED", 30), "10.0.0.2:3306"))
	var titles []string
	for _, f := range rep.Findings {
		titles = append(titles, f.Title)
		for _, e := range f.Evidence {
			if strings.Contains(e.Fact, "ECONNREFUSED") && !strings.Contains(f.Title, "nobody listens") {
				t.Errorf("%q quotes the refusal", f.Title)
			}
		}
	}
	if !slices.ContainsFunc(titles, func(s string) bool { return strings.Contains(s, "nobody listens") }) {
		t.Errorf("the refusal is lost: %q", titles)
	}
}

// TestUnsaidJoins: a message that does not say why joins the one that does.
func TestUnsaidJoins(t *testing.T) {
	rep := clipOf("linux").tells(t, failed("ECONNREFUSED", 30), failed("", 5))
	if len(rep.Findings) != 1 || len(rep.Findings[0].Evidence) != 2 {
		t.Errorf("%v", short(rep))
	}
}

// TestBreaksAreOrdinary: connections break on any healthy server.
func TestBreaksAreOrdinary(t *testing.T) {
	for count, want := range map[uint64]Severity{3: Notice, 500: Warning} {
		sym := host.Symptom{ID: "econnreset", Code: "ECONNRESET", Count: count, Example: "read: connection reset by peer", Candidates: []string{"half-open-connections", "linger-reset"}}
		if rep := clipOf("linux").tells(t, sym); len(rep.Findings) != 1 || rep.Findings[0].Severity != want {
			t.Errorf("%d resets: %v, want %s", count, short(rep), want)
		}
	}
}

// TestVictimsAreNotBlamed: who was refused a port does not hold it.
func TestVictimsAreNotBlamed(t *testing.T) {
	sym := at(host.Symptom{ID: "eaddrinuse", Code: "EADDRINUSE", Errno: errADDRINUSE, Call: "bind", Count: 2, PIDs: []int32{812}, Example: "bind: Address already in use", Candidates: []string{"address-in-use", "service-port-taken"}}, "0.0.0.0:8080")
	rep := clipOf("linux").tells(t, sym)
	if len(rep.Findings) != 1 || rep.Findings[0].ID != "address-in-use" || len(rep.Findings[0].Culprits) != 0 {
		t.Errorf("%v", short(rep))
	}
}

// TestGuessesExplainNothing: what is only possible is not named as the cause of what is.
func TestGuessesExplainNothing(t *testing.T) {
	guess := host.Symptom{ID: "econnreset", Code: "ECONNRESET", Count: 2, Example: "connection reset by peer", Candidates: []string{"half-open-connections", "linger-reset"}}
	full := host.Symptom{ID: "too-many-clients", Count: 4, Example: "sorry, too many clients already", Candidates: []string{"application-cap"}}
	for _, f := range clipOf("linux").tells(t, guess, full).Findings {
		if len(f.Causes) > 0 {
			t.Errorf("%s is caused by %v", f.ID, f.Causes)
		}
	}
}

// TestUnusableAddress: on Windows the error of connect() is about the address to connect to.
func TestUnusableAddress(t *testing.T) {
	sym := host.Symptom{ID: "wsaeaddrnotavail", Code: "WSAEADDRNOTAVAIL", OS: "windows", Call: "connect", Count: 1, Example: "connect: the requested address is not valid in its context", Candidates: []string{"address-not-local"}}
	rep := clipOf("windows").tells(t, sym)
	if len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].Title, "address to connect to") {
		t.Errorf("%+v", rep.Findings)
	}
}

// TestRuntimeOfTheMessage chooses the words where the table's program is of no known kind.
func TestRuntimeOfTheMessage(t *testing.T) {
	table := clipOf("windows").rows(16300, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 49152)
	rep := table.tells(t, noBuffers(7))
	for _, f := range rep.Findings {
		if f.ID != "port-exhaustion" {
			continue
		}
		for _, r := range f.Remedies {
			if strings.Contains(r.Title+r.Detail, "JVM") {
				return
			}
		}
		t.Errorf("%+v", f.Remedies)
	}
}

// TestNumberOfItsSystem: the number of an error is that of the system that wrote the text.
func TestNumberOfItsSystem(t *testing.T) {
	for os, want := range map[string]string{"linux": "EADDRNOTAVAIL, 99", "freebsd": "EADDRNOTAVAIL, 49"} {
		table := clipOf(os).rows(55000, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 10300)
		if os == "linux" {
			table = clipOf(os).rows(28200, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 32768)
		}
		rep := table.tells(t, noPort(7))
		if i := slices.IndexFunc(rep.Findings, func(f Finding) bool { return f.ID == "port-exhaustion" }); i < 0 || !strings.Contains(rep.Findings[i].Explanation, want) {
			t.Errorf("%s: %v %+v", os, short(rep), rep.Findings)
		}
	}
}

// TestTroubleOverThere: a client that finds a full queue is not who must accept faster.
func TestTroubleOverThere(t *testing.T) {
	sym := host.Symptom{ID: "unix-listener-full", Call: "connect", Count: 3, PIDs: []int32{812}, Runtime: host.Nginx, Example: "connect() to unix:/run/app.sock failed (11: Resource temporarily unavailable)", Candidates: []string{"accept-queue-overflow"}}
	rep := clipOf("linux").tells(t, sym)
	if len(rep.Findings) != 1 || len(rep.Findings[0].Culprits) != 0 {
		t.Fatalf("%v", short(rep))
	}
	for _, r := range rep.Findings[0].Remedies {
		if strings.Contains(r.Title+r.Detail+string(r.Command), "nginx") {
			t.Errorf("%q is for nginx", r.Title)
		}
	}
}

// TestBacklogByWord: what people copy into a configuration has its port and its number.
func TestBacklogByWord(t *testing.T) {
	full := host.Symptom{ID: "bsd-listen-overflow", OS: "freebsd", Runtime: host.Nginx, Count: 9, Example: "Listen queue overflow", Candidates: []string{"accept-queue-overflow"}}
	for _, c := range []struct {
		sym  host.Symptom
		want string
	}{{full, ""}, {at(full, "0.0.0.0:8443"), "listen 8443 backlog="}} {
		rep := clipOf("freebsd").tells(t, c.sym)
		var commands string
		for _, r := range rep.Findings[0].Remedies {
			commands += string(r.Command) + "\n"
		}
		if strings.Contains(commands, "backlog=;") || strings.Contains(commands, "listen 0") || !strings.Contains(commands, c.want) {
			t.Errorf("%q lacks %q", commands, c.want)
		}
	}
}

// TestUnsaidJoinsInAnyOrder: which message stands first in the log does not decide.
func TestUnsaidJoinsInAnyOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		said   []host.Symptom
		titles []string // of the findings, and how many messages each quotes
		quoted []int
	}{
		{"one manner", []host.Symptom{failed("ECONNREFUSED", 30)}, []string{"nobody listens"}, []int{2}},
		{"the commoner of two", []host.Symptom{failed("ECONNREFUSED", 30), failed("EHOSTUNREACH", 40)},
			[]string{"nobody listens", "no way to the destination"}, []int{1, 2}},
		{"none that says", nil, []string{"cannot be reached"}, []int{1}},
	} {
		mute := failed("", 5)
		for _, order := range [][]host.Symptom{append([]host.Symptom{mute}, c.said...), append(slices.Clone(c.said), mute)} {
			rep := clipOf("linux").tells(t, order...)
			if len(rep.Findings) != len(c.titles) {
				t.Fatalf("%s: %v", c.name, short(rep))
			}
			for i, title := range c.titles {
				at := slices.IndexFunc(rep.Findings, func(f Finding) bool { return strings.Contains(f.Title, title) })
				if at < 0 || len(rep.Findings[at].Evidence) != c.quoted[i] {
					t.Errorf("%s, %q first: not %d messages for %q: %+v", c.name, order[0].Code, c.quoted[i], title, rep.Findings)
				}
			}
		}
	}
}

// TestOldWindowsByWord: netsh knows no range of ports before Vista.
func TestOldWindowsByWord(t *testing.T) {
	for kernel, want := range map[string]string{"5.2.3790": "/v MaxUserPort", "6.1.7601": "dynamicport", "": "dynamicport"} {
		c := clipOf("windows")
		c.Machine.Kernel = kernel
		var commands []string
		for _, f := range c.tells(t, noBuffers(7)).Findings {
			for _, r := range f.Remedies {
				commands = append(commands, string(r.Command))
			}
		}
		if all := strings.Join(commands, "\n"); !strings.Contains(all, want) || strings.Contains(all, "set dynamicport") != (want == "dynamicport") {
			t.Errorf("Windows %q: %q", kernel, commands)
		}
	}
}
