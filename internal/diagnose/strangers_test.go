package diagnose

import (
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func spots(rep *Report) (out []string) {
	for _, b := range rep.BlindSpots {
		out = append(out, b.What)
	}
	return out
}

// TestStrangers: texts of two machines in one paste are said to be that.
func TestStrangers(t *testing.T) {
	inode := func(c *clip) *clip { c.Sockets[len(c.Sockets)-1].Inode = 7; return c }
	linux := clipOf("linux").one(tcp.Established, 9, "10.0.0.1:40000", "10.0.0.2:80")
	windows := clipOf("windows").one(tcp.Established, 9, "10.0.0.1:50000", "10.0.0.2:80")
	pair := clipOf("linux").one(tcp.Established, 9, "10.0.0.1:40000", "10.0.0.2:80").one(tcp.Established, 9, "10.0.0.2:80", "10.0.0.1:40000")
	own := clipOf("linux").one(tcp.Established, 9, "10.0.0.1:40000", "10.0.0.1:80").one(tcp.Established, 9, "10.0.0.2:40000", "10.0.0.3:80")
	mixed := clipOf("windows").one(tcp.Established, 9, "10.0.0.1:50000", "10.0.0.2:80")
	mixed = *inode(&mixed)
	winsock := host.Symptom{ID: "wsaenobufs", OS: "windows", Errno: errNOBUFS, Call: "connect", Count: 3, Example: "10055", Candidates: []string{"port-exhaustion"}}
	for _, c := range []struct {
		name     string
		clip     clip
		messages []host.Symptom
		said     string // of a blind spot; "": none
	}{
		{"a message of the table's system", windows, []host.Symptom{winsock}, ""},
		{"a message of another system", linux, []host.Symptom{winsock}, "The messages are Windows"},
		{"both ends of a connection", pair, nil, "two machines"},
		{"several addresses", own, nil, ""},
		{"rows that Windows does not print", mixed, nil, "Windows and of another system"},
	} {
		said := strings.Join(spots(c.clip.tells(t, c.messages...)), "\n")
		if c.said != "" && !strings.Contains(said, c.said) {
			t.Errorf("%s: %q", c.name, said)
		}
		if c.said == "" && (strings.Contains(said, "two machines") || strings.Contains(said, "another system")) {
			t.Errorf("%s: %q", c.name, said)
		}
	}
}

// TestForeignMessagesAreJudgedAlone: in the words and with the commands of their system.
func TestForeignMessagesAreJudgedAlone(t *testing.T) {
	full := clipOf("linux").setting("net.ipv4.ip_local_port_range", "40000 40099").
		rows(100, tcp.Established, 9, "10.0.0.1:%d", "10.0.0.2:80", 40000)
	winsock := host.Symptom{ID: "wsaeaddrinuse", OS: "windows", Errno: errADDRINUSE, Call: "connect", Count: 3, Example: "10048", Candidates: []string{"port-exhaustion"}}
	rep := full.tells(t, winsock)
	told := false
	for _, f := range rep.Findings {
		if !strings.HasPrefix(f.Title, "By the log") {
			for _, e := range f.Evidence {
				if strings.Contains(e.Fact, "10048") {
					t.Errorf("%s is proven by another machine's log: %s", f.ID, e.Fact)
				}
			}
			continue
		}
		told = true
		for _, r := range f.Remedies {
			if strings.Contains(string(r.Command), "sysctl") {
				t.Errorf("Linux' command for Windows: %s", r.Command)
			}
		}
	}
	if !told {
		t.Errorf("the message is not told: %q", short(rep))
	}
}

// TestUnrelatedLinesAreNotLinked: what a log tells of two programs is not one's cause
// and the other's effect.
func TestUnrelatedLinesAreNotLinked(t *testing.T) {
	fds := host.Symptom{ID: "emfile", Errno: errMFILE, Call: "accept", Count: 1, Example: "accept: too many open files", PIDs: []int32{7}, Candidates: []string{"fd-exhaustion"}}
	queue := host.Symptom{ID: "overflow", Call: "", Count: 1, Example: "Listen queue overflow", Candidates: []string{"accept-queue-overflow"}}
	same := queue
	same.PIDs = []int32{7}
	for _, c := range []struct {
		other host.Symptom
		want  bool
	}{{queue, false}, {same, true}} {
		rep := clipOf("linux").tells(t, fds, c.other)
		linked := slices.ContainsFunc(rep.Findings, func(f Finding) bool {
			return f.ID == "accept-queue-overflow" && slices.Contains(f.Causes, "fd-exhaustion")
		})
		if linked != c.want {
			t.Errorf("pids %v: linked is %v", c.other.PIDs, linked)
		}
	}
}

// TestAcceptIsTheListeners: a client that leaks is not behind a server's failed accept().
func TestAcceptIsTheListeners(t *testing.T) {
	fds := host.Symptom{ID: "emfile", Errno: errMFILE, Call: "accept", Count: 9, Example: "accept4: too many open files", Candidates: []string{"fd-exhaustion", "close-wait-leak"}}
	for _, c := range []struct {
		listener int32
		want     Severity
	}{{8, Notice}, {9, Warning}} {
		rep := clipOf("linux").process(8, "serves").process(9, "leaks").one(tcp.Listen, c.listener, "0.0.0.0:80", "").
			rows(300, tcp.CloseWait, 9, "10.0.0.1:%d", "10.0.0.2:80", 40000).tells(t, fds)
		got := slices.IndexFunc(rep.Findings, func(f Finding) bool { return f.ID == "close-wait-leak" })
		if got < 0 || rep.Findings[got].Severity != c.want {
			t.Errorf("pid %d listens: %q", c.listener, short(rep))
		}
	}
}

// TestSignsOfTheSystem: no paths and programs of another system.
func TestSignsOfTheSystem(t *testing.T) {
	for os, not := range map[string][]string{
		"windows": {"/proc", "ss -lnt", "dmesg", "sockstat", "works for root"},
		"darwin":  {"/proc", "ss -lnt", "dmesg", "sockstat"},
		"freebsd": {"/proc", "ss -lnt", "dmesg"},
	} {
		for id := range suspicions {
			sym := host.Symptom{ID: id, OS: os, Call: "connect", Count: 20, Example: "x", Candidates: []string{id, "connection-leak"}}
			if onlyLinux[id] || os == "windows" && id == "file-table-full" { // limits that the system does not have
				continue
			}
			for _, f := range clipOf(os).tells(t, sym).Findings {
				for _, word := range not {
					if id != "accept-queue-overflow" && strings.Contains(f.Explanation, word) {
						t.Errorf("%s on %s:\n%s", id, os, f.Explanation)
					}
				}
			}
		}
	}
}

// onlyLinux are limits that no other system has.
var onlyLinux = map[string]bool{"time-wait-buckets-full": true, "orphan-limit": true}
