package paste

import (
	"strings"

	"sockeye/internal/tcp"
)

// ssAsked is what a command line asked ss for. It tells what the table leaves out.
type ssAsked struct {
	command   string // "" when nobody told it
	state     tcp.State
	states    int // "state …" and "exclude …"
	all       bool
	listening bool
	only      ssProtocol // the one protocol that was asked for
	partly    bool       // a filter, or a program behind that drops lines
}

// tcp tells whether TCP sockets were asked for, among others or alone.
func (a *ssAsked) tcp() bool {
	return a.command != "" && (a.only == ssTCP || a.only == ssUnsaid)
}

// chosen: some sockets were asked for, by state or otherwise.
func (a *ssAsked) chosen() bool {
	return a.tcp() && (a.partly || !a.all && (a.listening || a.states > 0))
}

// leavesOut: asked for nothing special ss shows neither listeners nor TIME_WAIT
// and SYN_RECV (SS_CONN of iproute2's misc/ss.c).
func (a *ssAsked) leavesOut() bool { return a.tcp() && !a.all }

// ssLastAsked reads the last command, when it is ss.
func ssLastAsked(commands []string) ssAsked {
	if len(commands) == 0 || len(commands) >= commandsMax {
		return ssAsked{}
	}
	return ssAskedBy(commands[len(commands)-1])
}

// commandsMax: of more the builder forgets the last.
const commandsMax = 64

// ssAskedBy reads a command line. Of one that calls ss twice it cannot be told
// which wrote the table.
func ssAskedBy(line string) (a ssAsked) {
	calls := 0
	for part := range strings.SplitSeq(strings.NewReplacer("&&", ";", "||", ";").Replace(line), ";") {
		if asked := ssCall(part); asked.command != "" {
			a = asked
			a.command = line
			calls++
		}
	}
	if calls != 1 {
		return ssAsked{}
	}
	return a
}

func ssCall(line string) (a ssAsked) {
	command, behind, piped := strings.Cut(line, "|")
	command, _, _ = strings.Cut(command, ">")
	words := strings.Fields(strings.NewReplacer("'", " ", `"`, " ", "(", " ( ", ")", " ) ").Replace(command))
	for len(words) > 0 && words[0] != "ss" && !strings.HasSuffix(words[0], "/ss") {
		words = words[1:]
	}
	if len(words) == 0 {
		return ssAsked{}
	}
	a.command = line
	a.partly = piped && pipelineDrops(behind)
	var tables []ssProtocol
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
					tables = append(tables, ssTables(words[0])...)
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
			a.only = ssUnsaid
		}
	}
	return a
}

// choose notes a state that was asked for, or one that was not.
func (a *ssAsked) choose(wanted bool, name string) {
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
func (a *ssAsked) short(letters string, tables *[]ssProtocol) (takes bool) {
	for _, c := range letters {
		switch c {
		case 't':
			*tables = append(*tables, ssTCP)
		case 'u':
			*tables = append(*tables, ssUDP)
		case 'M':
			*tables = append(*tables, ssMPTCP)
		case 'x', 'w', '0', 'S', 'd':
			*tables = append(*tables, ssOther)
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

func (a *ssAsked) long(option string) []ssProtocol {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "tcp":
		return []ssProtocol{ssTCP}
	case "udp":
		return []ssProtocol{ssUDP}
	case "mptcp":
		return []ssProtocol{ssMPTCP}
	case "unix", "raw", "packet", "sctp", "dccp", "vsock", "tipc", "xdp":
		return []ssProtocol{ssOther}
	case "query", "socket":
		return ssTables(value)
	case "all":
		a.all = true
	case "listening":
		a.listening = true
	case "filter", "ipv4", "ipv6":
		a.partly = true
	}
	return nil
}

// ssTables reads the names behind -A.
func ssTables(names string) (tables []ssProtocol) {
	for name := range strings.SplitSeq(names, ",") {
		switch name {
		case "tcp":
			tables = append(tables, ssTCP)
		case "udp":
			tables = append(tables, ssUDP)
		case "mptcp":
			tables = append(tables, ssMPTCP)
		case "inet", "all":
			tables = append(tables, ssTCP, ssUDP)
		default:
			tables = append(tables, ssOther)
		}
	}
	return tables
}
