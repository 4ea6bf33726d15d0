package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// facts are what a diagnosis may rest on, and a text may hold or not.
type facts uint16

const (
	held       facts = 1 << iota // the sockets that a process holds: state, ends
	loose                        // those that nobody holds: TIME_WAIT, what waits to be accepted, orphans
	holding                      // which are which
	owners                       // the process that holds each
	queues                       // Recv-Q and Send-Q; of a listener, who waits
	backlogs                     // how many may wait at a listener
	timers                       // what the kernel waits for, and how often it has tried
	counters                     // of the network stack since boot
	settings                     // of the kernel, and what it counts in /proc/sys
	files                        // all descriptors of the processes, their limits, the file of the program
	everything = held | loose | holding | owners | queues | backlogs | timers | counters | settings | files
)

// need is what must be seen to tell a finding at one glance.
type need struct {
	facts facts
	sure  facts  // and this, to be as severe about it
	limit string // that the finding speaks of
}

// needed lists the findings that one glance can tell. The others, and the surer
// versions of these, rest on two looks (growth, rates, counters between them) or
// on calls that were seen to fail: no saved text tells them.
var needed = map[string]need{
	// How full a queue is tells who knows how long it may be: netstat does not.
	"accept-queue-overflow": {facts: held | queues | backlogs, limit: "accept-queue"},
	"bind-port-exhaustion":  {facts: held | loose | settings, limit: "bind-ports"},
	"close-wait-leak":       {facts: held},
	// That nobody answers, and it is not merely a moment of many connects, shows in
	// the SYNs that were sent again.
	"connection-scan":         {facts: held, sure: timers},
	"unreachable-destination": {facts: held, sure: timers},
	"conntrack-full":          {facts: settings, limit: "conntrack"}, // sysctl prints the count as well
	"fd-exhaustion":           {facts: files, limit: "process-fds"},
	"fin-wait-2-held":         {facts: held | holding}, // one that nobody holds has a timer and goes by itself
	"half-open-connections":   {facts: held | queues | timers},
	"harmful-setting":         {facts: settings},
	"never-accepted":          {facts: loose | queues},
	"port-exhaustion":         {facts: held | loose | settings, limit: "ephemeral-ports"},
	"port-range-narrow":       {facts: settings},
	"self-connect":            {facts: held},
	// Worth a word only where a good part of the ports is used.
	"short-lived-connections": {facts: held | loose | settings},
	"slow-peer":               {facts: held | queues | timers},
	"slow-reader":             {facts: held | queues},
	"stuck-closing":           {facts: loose | queues | timers},
	"suspicious-process":      {facts: held | files}, // the file of the program is gone, or lies where none belongs
	"syn-queue-pressure":      {facts: held | loose | backlogs, limit: "syn-queue"},
	"time-wait-buckets-full":  {facts: loose | settings, limit: "time-wait-buckets"},
	"unconnected-socket-leak": {facts: files}, // no table of connections lists them
}

// view is a text that somebody may save: what some programs print, one after the
// other, each with the command before it where asked gives one.
type view struct {
	name  string
	shows facts
	of    []string // keys of what capture returns
	asked bool
}

// Programs by what is typed, files of /proc by their name there.
var allViews = []view{
	{"ss -tanp and sysctl", held | loose | holding | owners | queues | backlogs | settings, []string{"ss -tanp", "sysctl -a"}, false},
	{"ss -tan", held | loose | queues | backlogs, []string{"ss -tan"}, false},
	{"ss -tanoiemp and -s", held | loose | holding | owners | queues | backlogs | timers, []string{"ss -tanoiemp", "ss -s"}, false},
	{"ss -tan and nstat", held | loose | queues | backlogs | counters, []string{"ss -tan", "nstat -az"}, true},
	{"netstat -tanp", held | loose | holding | owners | queues, []string{"netstat -tanp"}, false},
	{"netstat -tanop", held | loose | holding | owners | queues | timers, []string{"netstat -tanop"}, true},
	{"netstat -an", held | loose | queues, []string{"netstat -an"}, false},
	{"netstat -an and -s", held | loose | queues | counters, []string{"netstat -an", "netstat -s"}, false},
	{"BusyBox netstat", held | loose | queues, []string{"busybox netstat -tan"}, false},
	{"lsof -iTCP", held | holding | owners, []string{"lsof -nP -iTCP"}, false},
	{"lsof and limits", held | holding | owners | files, []string{"lsof -nP -p", "limits"}, false},
	{"files of /proc", held | loose | holding | queues | timers | counters, []string{"net/tcp", "net/tcp6", "net/sockstat", "net/snmp", "net/netstat"}, true},
	{"all of them", everything, []string{"ss -tanoiemp", "ss -s", "netstat -tanp", "busybox netstat -tan", "lsof -nP -iTCP", "lsof -nP -p", "limits",
		"net/tcp", "net/tcp6", "net/sockstat", "net/snmp", "net/netstat", "nstat -az", "sysctl -a"}, true},
}

// mayFail are programs whose exit code says nothing: lsof's that nothing matched,
// sysctl's that a setting cannot be read.
var mayFail = map[string]bool{"lsof": true, "sysctl": true}

// viewsHere are the views whose programs are installed (scripts/deps names them).
func viewsHere(t *testing.T) (views []view) {
	t.Helper()
	missing := map[string]bool{}
	for _, v := range allViews {
		whole := true
		for _, key := range v.of {
			program, _, typed := strings.Cut(key, " ")
			if !typed {
				continue // a file of /proc
			}
			if _, err := exec.LookPath(program); err != nil {
				whole = false
				missing[program] = true
			}
		}
		if whole {
			views = append(views, v)
		}
	}
	for program := range missing {
		t.Logf("%s is not installed: what it prints is left out", program)
	}
	return views
}

// text joins what a view is made of.
func (v *view) text(printed map[string][]byte) (text []byte) {
	for _, key := range v.of {
		if v.asked && key != "limits" {
			command := key
			if strings.HasPrefix(key, "net/") {
				command = "cat /proc/" + key
			}
			text = fmt.Appendf(text, "root@lab:~# %s\n", command)
		}
		text = append(text, printed[key]...)
	}
	return text
}

// capture runs the programs of all views inside the scenario's namespace, each once.
func capture(t *testing.T, r *ready, views []view) map[string][]byte {
	t.Helper()
	keys := map[string]bool{}
	for _, v := range views {
		for _, key := range v.of {
			keys[key] = true
		}
	}
	printed := map[string][]byte{}
	var err error
	onOwnThread(func() { err = captureIn(r, keys, printed) })
	if err != nil {
		t.Fatal(err)
	}
	return printed
}

func captureIn(r *ready, keys map[string]bool, printed map[string][]byte) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", anyPID(r)))
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the scenario's namespace: %w", err)
	}
	for key := range keys {
		switch program, arguments, _ := strings.Cut(key, " "); {
		case key == "limits":
			printed[key], err = limitsOf(r)
		case strings.HasPrefix(key, "net/"):
			printed[key], err = os.ReadFile(fmt.Sprintf("/proc/%d/%s", anyPID(r), key))
		default:
			printed[key], err = runHere(program, strings.Fields(arguments), r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// runHere runs a program in this thread's namespace. "-p" at the end asks for the
// scenario's processes.
func runHere(program string, arguments []string, r *ready) ([]byte, error) {
	if n := len(arguments); n > 0 && program == "lsof" && arguments[n-1] == "-p" {
		var pids []string
		for _, role := range r.Roles {
			pids = append(pids, fmt.Sprint(role.PID))
		}
		arguments = append(arguments, strings.Join(pids, ","))
	}
	cmd := exec.Command(program, arguments...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	var code *exec.ExitError
	if errors.As(err, &code) && mayFail[program] {
		err = nil
	}
	return out, err
}

// limitsOf is what somebody types who looks for the limit of each process.
func limitsOf(r *ready) (text []byte, err error) {
	for _, role := range r.Roles {
		name := fmt.Sprintf("/proc/%d/limits", role.PID)
		limits, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "$ cat %s\n%s", name, limits)
	}
	return text, nil
}
