package act

import (
	"maps"
	"slices"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Who looks at a pane is found by the clients, whatever the pane's environment tells.
func TestViewers(t *testing.T) {
	table := map[int32]kin{
		1: {0, "init"}, 10: {1, "sshd"}, 11: {10, "sshd"}, 12: {11, "bash"}, 13: {12, "tmux: client"},
		20: {1, "tmux: server"}, 21: {20, "bash"}, 22: {21, "sockeye"},
		30: {1, "screen"}, 31: {30, "bash"}, 32: {31, "tmux: client"}, // in a window of screen
		40: {1, "sshd-session"}, 41: {40, "bash"}, 42: {41, "screen-4.9.1"}, 50: {1, "tmuxinator"},
		60: {61, "zellij"}, 61: {60, "loop"}, // of a table read while numbers changed hands
	}
	for _, tt := range []struct {
		name   string
		line   []int32
		env    string
		want   []int32
		inside bool
	}{
		{"in tmux, with a client in screen", []int32{21, 20}, "", []int32{10, 11, 12, 13, 20, 30, 31, 32, 40, 41, 42}, true},
		{"in screen, by the environment", []int32{50}, "STY=1.pts", []int32{30, 40, 41, 42}, true},
		{"of a strange table", nil, "ZELLIJ=0", []int32{60, 61}, true},
		{"without", []int32{12, 11, 10}, "TMUX=", nil, false},
		{"of a name that only begins so", []int32{50}, "TERM=screen", nil, false},
	} {
		read := 0
		got, inside := viewers(tt.line, table, [][]string{nil, {tt.env}}, func() map[int32]kin { read++; return table })
		if list := slices.Sorted(maps.Keys(got)); !slices.Equal(list, tt.want) || inside != tt.inside || (read > 0) != tt.inside {
			t.Errorf("%s: %v, %v, want %v", tt.name, list, inside, tt.want)
		}
	}
}

// What a viewer is connected with is spared at both ends, and what is told of it is
// the strongest reason.
func TestViewersConnections(t *testing.T) {
	const shell, viewer, relay, sshd = 800, 700, 300, 400
	g := newGuard(900, []int32{shell}, [][]string{{"TMUX=x"}})
	g.viewers = map[int32]bool{viewer: true, shell: true}
	g.users[0] = true
	mine := socketOf(tcp.Established, "192.0.2.1:9000", "192.0.2.7:50022", viewer)
	far := socketOf(tcp.Established, "192.0.2.7:50022", "192.0.2.1:9000", sshd)
	others := socketOf(tcp.Established, "192.0.2.1:9000", "192.0.2.7:50023", relay)
	g.Learn(&host.Snapshot{Sockets: []tcp.Socket{mine, far, others}, Processes: map[int32]*host.Process{sshd: {PID: sshd, Name: "sshd"}}})
	for _, tt := range []struct {
		s      tcp.Socket
		owners []int32
		want   Why
	}{
		{mine, []int32{viewer}, Viewer},
		{mine, []int32{1, viewer}, Viewer},
		{mine, []int32{viewer, shell}, Ancestor},
		{far, []int32{sshd}, Viewer},
		{others, []int32{relay}, NoReason},
	} {
		if got := g.Socket(&tt.s, tt.owners, false); got != tt.want {
			t.Errorf("%v of %v: %q, want %q", tt.s.Remote, tt.owners, got, tt.want)
		}
	}
}
