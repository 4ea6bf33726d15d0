package act

import "strings"

// multiplexer keeps shells running and shows them through processes of its own, its
// clients, which come and go: whoever looks at a pane now is no ancestor of what runs
// in it, and the pane's environment tells of whoever started the server.
type multiplexer struct {
	variable string                 // what it sets for a pane, "" for none
	is       func(name string) bool // whether a process of that name is one of its own
}

// multiplexers and the names of their processes. tmux names its two itself (proc_start
// of tmux's proc.c: "tmux: server", "tmux: client"), where the system lets it; screen's
// are called alike, in some distributions with its version.
var multiplexers = []multiplexer{
	{"TMUX", func(name string) bool { return name == "tmux" || strings.HasPrefix(name, "tmux: ") }},
	{"STY", func(name string) bool {
		name = strings.ToLower(name)
		return name == "screen" || strings.HasPrefix(name, "screen-")
	}},
	{"ZELLIJ", func(name string) bool { return name == "zellij" }},
	{"", func(name string) bool { return name == "dtach" || name == "abduco" }},
}

// setBy reports whether an environment variable is what a multiplexer sets for its panes.
func (m multiplexer) setBy(variable string) bool {
	name, text, _ := strings.Cut(variable, "=")
	return m.variable != "" && name == m.variable && text != ""
}

// kin is what is known of a process for this: its parent, and its name.
type kin struct {
	parent int32
	name   string
}

// viewers are the clients of the multiplexers that one of the line belongs to or that
// an environment names, with their ancestors without process 1; inside is false where
// there is no multiplexer at all. A client may itself run in another multiplexer, whose
// clients follow. Whose client is attached to which server is not asked, nor who its
// user is: root may look at anybody's, and sparing too much harms nobody. all reads the
// table of processes, and is called only when needed.
func viewers(line []int32, parents map[int32]kin, environments [][]string, all func() map[int32]kin) (out map[int32]bool, inside bool) {
	pending := make([]bool, len(multiplexers))
	for i, m := range multiplexers {
		for _, pid := range line {
			pending[i] = pending[i] || m.is(parents[pid].name)
		}
		for _, env := range environments {
			for _, variable := range env {
				pending[i] = pending[i] || m.setBy(variable)
			}
		}
		inside = inside || pending[i]
	}
	if !inside {
		return nil, false
	}
	table, done := all(), make([]bool, len(multiplexers))
	out = map[int32]bool{}
	for again := true; again; {
		again = false
		for i, m := range multiplexers {
			if !pending[i] || done[i] {
				continue
			}
			done[i], again = true, true
			for pid, k := range table {
				if m.is(k.name) {
					follow(pid, table, out)
				}
			}
		}
		for pid := range out {
			for i, m := range multiplexers {
				pending[i] = pending[i] || m.is(table[pid].name)
			}
		}
	}
	return out, true
}

// follow adds a process and its ancestors, up to one that is there already.
func follow(pid int32, table map[int32]kin, out map[int32]bool) {
	for pid > 1 && !out[pid] {
		out[pid] = true
		pid = table[pid].parent
	}
}
