package cli

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// churned is a machine with the longest addresses of IPv4 and ordinary names: a
// client that churns connections in a namespace of its own, and a listener.
func churned() *host.Snapshot {
	ap := netip.MustParseAddrPort
	taken := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	sn := &host.Snapshot{
		Machine:    host.Machine{OS: "linux"},
		TakenAt:    taken,
		Remembered: taken.Add(-time.Hour),
		Lives:      map[uint64]*host.Life{},
		Processes:  map[int32]*host.Process{4194304: {PID: 4194304, Name: "gunicorn"}},
		Namespaces: []*host.NetNS{{Inode: 4026531840, Self: true}, {Inode: 4026532178}},
		Sockets: []tcp.Socket{
			{State: tcp.Listen, Local: ap("0.0.0.0:2024"), NetNS: 4026531840, Cookie: 1, SendQ: 128},
			{State: tcp.Established, Local: ap("192.168.100.100:50123"), Remote: ap("192.168.100.200:50432"), NetNS: 4026532178,
				Cookie: 2, Inode: 7, PID: 4194304, Timer: tcp.Timer{Kind: tcp.TimerKeepalive, Expires: 2 * time.Hour}},
		},
	}
	opener := &host.Opener{PID: 4194304, Name: "gunicorn", Stack: shopStack()}
	for i := range 3 {
		cookie := uint64(10 + i)
		sn.Sockets = append(sn.Sockets, tcp.Socket{State: tcp.TimeWait, NetNS: 4026532178, Cookie: cookie,
			Local: ap("192.168.100.100:5010" + strconv.Itoa(i)), Remote: ap("192.168.100.200:9000"),
			Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 51 * time.Second}})
		sn.Lives[cookie] = &host.Life{Opener: opener, OpenedAt: taken.Add(-10 * time.Second)}
	}
	return sn
}

func TestNarrowGolden(t *testing.T) {
	for _, width := range []int{80, 100, 120, 160} {
		var out strings.Builder
		for _, filter := range []string{"state time-wait", ""} {
			m := machine{tty: true, width: width, env: map[string]string{"NO_COLOR": "1"},
				take: func(context.Context, collect.Options) (*host.Snapshot, error) { return churned(), nil }}
			got := m.run("list", filter)
			out.WriteString("$ sockeye list " + filter + "\n" + got.stdout + got.stderr)
			for line := range strings.Lines(got.stdout) {
				if w := lipgloss.Width(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%d columns on a terminal of %d: %s", w, width, line)
				}
			}
		}
		golden(t, "narrow_"+strconv.Itoa(width), []byte(out.String()))
	}
}

// TestNothingIsLeftOutForNothing: where no sacrifice makes the lines fit, all
// columns stay; nor on a pipe, nor with --wide.
func TestNothingIsLeftOutForNothing(t *testing.T) {
	for name, m := range map[string]machine{"tiny": {take: tracedTake, tty: true, width: 40}, "pipe": {take: tracedTake, width: 40}} {
		got := m.run("list")
		head, _, _ := strings.Cut(got.stdout, "\n")
		if want := "STATE RECV-Q SEND-Q LOCAL REMOTE PROCESS TIMER NETNS CODE"; strings.Join(strings.Fields(head), " ") != want {
			t.Errorf("%s: %s", name, head)
		}
		if strings.Contains(got.stderr, "no room") {
			t.Errorf("%s: %s", name, got.stderr)
		}
	}
	wide := machine{take: tracedTake, tty: true, width: 80}.run("list", "--wide", "opener", "shop")
	for _, header := range []string{"RECV-Q", "TIMER", "CODE"} {
		if !strings.Contains(wide.stdout, header) {
			t.Errorf("--wide lacks %s: %s", header, wide.stdout)
		}
	}
}

func TestShortTimer(t *testing.T) {
	for _, tt := range []struct {
		state tcp.State
		timer tcp.Timer
		want  string
	}{
		{tcp.Established, tcp.Timer{}, ""},
		{tcp.TimeWait, tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 41 * time.Second}, "41s"},
		{tcp.FinWait2, tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 3 * time.Second}, "timewait,3.0s"},
		{tcp.Established, tcp.Timer{Kind: tcp.TimerKeepalive, Expires: 2 * time.Hour}, "keepalive,2h00m"},
		{tcp.SynSent, tcp.Timer{Kind: tcp.TimerOn, Expires: 212 * time.Millisecond, Retries: 3}, "on,212ms,3"},
	} {
		if got := string(appendShortTimer(nil, nil, &tcp.Socket{State: tt.state, Timer: tt.timer})); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.timer, got, tt.want)
		}
	}
}
