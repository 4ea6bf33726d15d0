package form

import (
	"bytes"
	"slices"
	"strings"
)

// hostsMost bounds how many machines of a text are named.
const hostsMost = 8

// Machines are those that a text's prompts and names tell of. Prompts and names are
// kept apart: a prompt may call a machine otherwise than it calls itself.
type Machines struct {
	at      string   // the machine at whose prompt the last command was typed; "" unknown
	prompts []string // those below whose prompts something was understood
	names   []string
}

// Prompt is told of a line that may be a prompt with a command.
func (m *Machines) Prompt(line []byte) {
	command, ok := Prompted(line)
	if !ok {
		return
	}
	at := bytes.IndexAny(line, "$#>%")
	user, rest, found := bytes.Cut(line[:at], []byte("@"))
	if program, _, _ := strings.Cut(strings.TrimPrefix(command, "sudo "), " "); elsewhere(program) || !found {
		m.at = ""
		return
	}
	if user = bytes.TrimLeft(user, "[("); len(user) == 0 || user[len(user)-1] == ' ' {
		m.at = ""
		return
	}
	end := bytes.IndexFunc(rest, func(r rune) bool { return !inHostName(r) })
	if end < 0 {
		end = len(rest)
	}
	m.at = shortHost(string(rest[:end]))
}

// elsewhere: what these programs print is another machine's, or a container's.
func elsewhere(program string) bool {
	switch program {
	case "ssh", "docker", "podman", "kubectl", "oc", "crictl", "nsenter", "ip", "lxc", "vagrant", "ansible", "pdsh":
		return true
	}
	return false
}

func inHostName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_'
}

// shortHost is the name without its domain, which is not written everywhere.
func shortHost(name string) string {
	name = strings.ToLower(strings.Trim(name, "."))
	if _, isAddress := IPv4([]byte(name)); isAddress {
		return name
	}
	name, _, _ = strings.Cut(name, ".")
	if name == "localhost" || len(name) > 63 {
		return ""
	}
	return name
}

// Part is told that a part is over of which so many rows were understood.
func (m *Machines) Part(rows uint64) {
	if rows > 0 {
		m.prompts = oneMore(m.prompts, m.at)
	}
}

// name is told what a machine calls itself.
func (m *Machines) name(name string) {
	if name != "(none)" {
		m.names = oneMore(m.names, shortHost(name))
	}
}

func oneMore(of []string, name string) []string {
	if name == "" || slices.Contains(of, name) || len(of) >= hostsMost {
		return of
	}
	return append(of, name)
}

// several names the machines when they are several, "" for one or none.
func (m *Machines) several() string {
	for _, of := range [][]string{m.prompts, m.names} {
		if len(of) > 1 {
			return strings.Join(of, ", ")
		}
	}
	return ""
}
