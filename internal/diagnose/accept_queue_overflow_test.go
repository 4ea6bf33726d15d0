package diagnose

import (
	"testing"

	"sockeye/internal/tcp"
)

func TestAcceptQueueOverflow(t *testing.T) {
	java := drawProgram(7, "java", 60, 1024)
	queue := func(waiting, backlog uint32) func(*sketch) {
		return drawAll(java, drawListener(7, "0.0.0.0:8080", waiting, backlog))
	}
	over := func(n uint64) func(*sketch) { return drawCounted("TcpExtListenOverflows", n) }
	procfs := func(s *sketch) { s.Source.SocketsBy = "procfs" }
	judgeSketches(t, acceptQueueOverflow, []sketchCase{
		{name: "full in one glance", now: drawAll(queue(51, 50), drawSockets(50, 0, tcp.CloseWait, "10.0.0.1:8080", "10.0.0.9:%d")),
			want: []string{"warning proven pid:7 waiting,closed => accept-faster,larger-backlog"}},
		{name: "full in both and turning clients away", before: queue(51, 50), now: drawAll(queue(51, 50), over(20)),
			want: []string{"critical proven pid:7 waiting,overflows,both => accept-faster,larger-backlog"}},
		{name: "full in both, nobody else knocks", before: queue(51, 50), now: queue(51, 50),
			want: []string{"critical proven pid:7 waiting,quiet,both => accept-faster,larger-backlog"}},
		{name: "just filled up", before: queue(3, 50), now: queue(51, 50),
			want: []string{"warning proven pid:7 waiting,quiet => accept-faster,larger-backlog"}},
		{name: "as long as the system allows", before: queue(4097, 4096), now: queue(4097, 4096),
			want: []string{"critical proven pid:7 waiting,quiet,both => accept-faster,raise-somaxconn,larger-backlog"}},
		{name: "shorter than an old system allows", now: drawAll(drawSetting("net.core.somaxconn", "128"), queue(51, 50)),
			want: []string{"warning proven pid:7 waiting => accept-faster,larger-backlog"}},
		{name: "overflows between the looks, drained again", before: queue(0, 128), now: drawAll(queue(2, 128), over(300)),
			want: []string{"warning likely pid:7 waiting,overflows => accept-faster,larger-backlog"}},
		{name: "overflows of one of several, nothing shows which", before: drawAll(queue(0, 128), drawListener(7, "0.0.0.0:9090", 0, 50)),
			now:  drawAll(queue(0, 128), drawListener(7, "0.0.0.0:9090", 0, 50), over(4)),
			want: []string{"warning likely pid:- overflows => accept-faster,larger-backlog"}},
		{name: "nearly full for longer", before: queue(80, 128), now: queue(120, 128),
			want: []string{"warning likely pid:7 waiting => accept-faster,larger-backlog"}},
		{name: "half full for longer", before: queue(70, 128), now: queue(70, 128),
			want: []string{"notice likely pid:7 waiting => accept-faster,larger-backlog"}},
		{name: "nearly full in one glance", now: queue(120, 128),
			want: []string{"notice possible pid:7 waiting => accept-faster,larger-backlog"}},
		{name: "the worst of several listeners of one port", now: drawAll(java, drawProgram(8, "java", 60, 1024),
			drawListener(7, "0.0.0.0:8080", 0, 50), drawListener(8, "0.0.0.0:8080", 51, 50)),
			want: []string{"warning proven pid:7,8 waiting => accept-faster,larger-backlog"}},
		{name: "owner unknown", now: drawListener(0, "[::]:8080", 6, 5),
			want: []string{"warning proven pid:- waiting => accept-faster,larger-backlog"}},

		{name: "backlog 0 and clients turned away", before: queue(1, 0), now: drawAll(queue(1, 0), over(3)),
			want: []string{"critical proven pid:7 waiting,overflows,both => accept-faster,larger-backlog"}},

		{name: "backlog 0 and one client on its turn", before: queue(1, 0), now: queue(1, 0)},
		{name: "backlog 0 and one client, one glance", now: queue(1, 0)},
		{name: "H14: overflows since boot, none now", before: queue(0, 4096), now: queue(0, 4096)},
		{name: "H15: a few for an instant", before: queue(0, 4096), now: queue(10, 4096)},
		{name: "full for an instant was over before", before: queue(51, 50), now: queue(0, 50)},
		{name: "a short queue with one client in it", now: queue(4, 5)},
		{name: "backlog 0 and nobody waiting", now: queue(0, 0)},
		{name: "/proc does not tell the limit", before: drawAll(procfs, queue(30, 0)), now: drawAll(procfs, queue(30, 0))},
		{name: "F12 instead: many half-open, nobody waiting", now: drawAll(queue(0, 128),
			drawSockets(200, 0, tcp.NewSynRecv, "10.0.0.1:8080", "10.0.0.9:%d"))},
	})
}
