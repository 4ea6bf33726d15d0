package ss

import (
	"strings"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// request is what a command line asked ss for. It tells what the table leaves out.
type request struct {
	command   string // "" when nobody told it
	state     tcp.State
	states    int // "state …" and "exclude …"
	all       bool
	listening bool
	only      transport // the one protocol that was asked for
	partly    bool      // a filter, or a program behind that drops lines
}

// tcp tells whether TCP sockets were asked for, among others or alone.
func (a *request) tcp() bool {
	return a.command != "" && (a.only == overTCP || a.only == unsaid)
}

// chosen: some sockets were asked for, by state or otherwise.
func (a *request) chosen() bool {
	return a.tcp() && (a.partly || !a.all && (a.listening || a.states > 0))
}

// leavesOut: asked for nothing special ss shows neither listeners nor TIME_WAIT
// and SYN_RECV (SS_CONN of iproute2's misc/ss.c).
func (a *request) leavesOut() bool { return a.tcp() && !a.all }

// lastAsked reads the last command, when it is ss.
func lastAsked(commands []string) request {
	if len(commands) == 0 || len(commands) >= commandsMax {
		return request{}
	}
	return askedBy(commands[len(commands)-1])
}

// commandsMax: of more the builder forgets the last.
const commandsMax = 64

// askedBy reads a command line. Of one that calls ss twice it cannot be told
// which wrote the table.
func askedBy(line string) (a request) {
	calls := 0
	for part := range strings.SplitSeq(strings.NewReplacer("&&", ";", "||", ";").Replace(line), ";") {
		if asked := call(part); asked.command != "" {
			a = asked
			a.command = line
			calls++
		}
	}
	if calls != 1 {
		return request{}
	}
	return a
}

func call(line string) (a request) {
	command, behind, piped := strings.Cut(line, "|")
	command, _, _ = strings.Cut(command, ">")
	words := strings.Fields(strings.NewReplacer("'", " ", `"`, " ", "(", " ( ", ")", " ) ").Replace(command))
	for len(words) > 0 && words[0] != "ss" && !strings.HasSuffix(words[0], "/ss") {
		words = words[1:]
	}
	if len(words) == 0 {
		return request{}
	}
	a.command = line
	a.partly = piped && form.PipelineDrops(behind)
	var tables []transport
	for words = words[1:]; len(words) > 0; words = words[1:] {
		word := words[0]
		switch {
		case word == "state", word == "exclude", word == "excl":
			if len(words) > 1 {
				words = words[1:]
				a.choose(word == "state", words[0])
			}
		case strings.HasPrefix(word, "--"):
			tables = append(tables, a.long(word[2:])...)
		case strings.HasPrefix(word, "-") && len(word) > 1:
			if takes := a.short(word[1:], &tables); takes && len(words) > 1 {
				words = words[1:]
				if strings.HasSuffix(word, "A") {
					tables = append(tables, tablesOf(words[0])...)
				}
			}
		default:
			a.partly = true
		}
	}
	if a.states != 1 {
		a.state = tcp.Unknown
	}
	if len(tables) > 0 {
		a.only = tables[0]
	}
	for _, p := range tables {
		if p != a.only {
			a.only = unsaid
		}
	}
	return a
}

// choose notes a state that was asked for, or one that was not.
func (a *request) choose(wanted bool, name string) {
	if !wanted {
		a.states += 2
		return
	}
	name = strings.ToLower(name)
	switch name {
	case "all":
		a.all = true
		a.states += 2
		return
	case "connected", "synchronized", "bucket", "big":
		a.states += 2
		return
	case "listening", "listen":
		a.listening = true
	case "unconnected":
		name = "closed"
	case "syn-rcv":
		name = "syn-recv"
	}
	a.states++
	a.state, _ = tcp.ParseState(name)
}

// short reads letters behind one dash; true when the last wants the next word.
func (a *request) short(letters string, tables *[]transport) (takes bool) {
	for _, c := range letters {
		switch c {
		case 't':
			*tables = append(*tables, overTCP)
		case 'u':
			*tables = append(*tables, overUDP)
		case 'M':
			*tables = append(*tables, overMPTCP)
		case 'x', 'w', '0', 'S', 'd':
			*tables = append(*tables, overOther)
		case 'a':
			a.all = true
		case 'l':
			a.listening = true
		case 'A', 'f', 'F', 'D', 'N':
			takes = true
		}
		a.partly = a.partly || c == 'F' || c == '4' || c == '6'
	}
	return takes
}

func (a *request) long(option string) []transport {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "tcp":
		return []transport{overTCP}
	case "udp":
		return []transport{overUDP}
	case "mptcp":
		return []transport{overMPTCP}
	case "unix", "raw", "packet", "sctp", "dccp", "vsock", "tipc", "xdp":
		return []transport{overOther}
	case "query", "socket":
		return tablesOf(value)
	case "all":
		a.all = true
	case "listening":
		a.listening = true
	case "filter", "ipv4", "ipv6":
		a.partly = true
	}
	return nil
}

// tablesOf reads the names behind -A.
func tablesOf(names string) (tables []transport) {
	for name := range strings.SplitSeq(names, ",") {
		switch name {
		case "tcp":
			tables = append(tables, overTCP)
		case "udp":
			tables = append(tables, overUDP)
		case "mptcp":
			tables = append(tables, overMPTCP)
		case "inet", "all":
			tables = append(tables, overTCP, overUDP)
		default:
			tables = append(tables, overOther)
		}
	}
	return tables
}
