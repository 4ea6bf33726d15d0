package form

import "strings"

// WindowsAsked returns the command that stands before a table when it asked
// Windows for part of the sockets only, else "".
func WindowsAsked(b *Builder) string {
	command, ok := Prompted(b.Prose)
	if !ok {
		command = strings.TrimSpace(string(b.Prose))
		// Between a command and its table stands the title, in any language.
		if len(command) <= titleMost && !strings.ContainsAny(command, ":;.0123456789") && !strings.HasPrefix(strings.ToLower(command), "netstat") {
			command = b.LastCommand()
		}
	}
	first, behind, _ := strings.Cut(command, "|")
	words := strings.Fields(strings.ToLower(first))
	if len(words) == 0 {
		return ""
	}
	switch ProgramOf(command) {
	case "netstat":
		if !asksAll(words[1:]) {
			return command
		}
	case "get-nettcpconnection":
		if len(words) > 1 {
			return command // -State, -LocalPort, -OwningProcess…
		}
	default:
		return ""
	}
	if PipelineDrops(behind) {
		return command
	}
	return ""
}

// titleMost is how long a title like "Aktive Verbindungen" may be, in bytes.
const titleMost = 40

// asksAll: without -a (or -q) Windows' netstat leaves out who listens, and with
// "-p udp" all of TCP.
func asksAll(options []string) bool {
	all := false
	for i, o := range options {
		if len(o) < 2 || o[0] != '-' && o[0] != '/' {
			continue
		}
		all = all || strings.ContainsAny(o[1:], "aq")
		if strings.HasSuffix(o, "p") && i+1 < len(options) && strings.HasPrefix(options[i+1], "udp") {
			return false
		}
	}
	return all
}
