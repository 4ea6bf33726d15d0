package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestFdExhaustion(t *testing.T) {
	closeWait := drawSockets(900, 7, tcp.CloseWait, "10.0.0.1:%d", "10.0.0.2:443")
	serving := func(n int) func(*sketch) { return drawSockets(n, 7, tcp.Established, "10.0.0.1:80", "10.0.0.2:%d") }
	judgeSketches(t, fdExhaustion, []sketchCase{
		{name: "limit reached by a leak", now: drawAll(drawProgram(7, "java", 1024, 1024), closeWait),
			want: []string{"critical proven pid:7 used,sockets,rest => close-connections,raise-fd-limit"}},
		{name: "EMFILE seen below the limit that is read later", now: drawAll(drawProgram(7, "node", 700, 1024), closeWait),
			seen: []host.Failure{{PID: 7, Call: "accept", Errno: errMFILE, Count: 12}, {PID: 7, Call: "connect", Errno: 111, Count: 9}},
			want: []string{"critical proven pid:7 used,failed,sockets => close-connections,raise-fd-limit"}},
		{name: "nearly there and growing", before: drawAll(drawProgram(7, "python3", 970, 1024)), now: drawAll(drawProgram(7, "python3", 990, 1024), closeWait),
			want: []string{"critical likely pid:7 used,growing,sockets,rest => close-connections,raise-fd-limit"}},
		{name: "four fifths in one glance", now: drawAll(drawProgram(7, "go", 850, 1024), serving(800)),
			want: []string{"warning possible pid:7 used,sockets,rest => raise-fd-limit,close-connections"}},
		{name: "files, not sockets", now: drawAll(drawProgram(7, "python3", 1000, 1024)),
			want: []string{"critical possible pid:7 used,rest => find-open-files,raise-fd-limit"}},
		{name: "connects that nobody answers", now: drawAll(drawProgram(7, "cloudflared", 1010, 1024), drawSockets(990, 7, tcp.SynSent, "10.0.0.1:%d", "1.1.1.1:443")),
			want: []string{"critical possible pid:7 used,sockets,rest => connect-timeout,raise-fd-limit"}},
		{name: "UDP sockets fill it", now: drawAll(drawProgram(7, "java", 1024, 1024), func(s *sketch) { s.Processes[7].UDP = 1000 }),
			want: []string{"critical proven pid:7 used,udp,rest => share-udp-socket,raise-fd-limit"}},
		{name: "no higher limit is allowed", now: drawAll(drawProgram(7, "nginx", 1048570, 1048576), serving(10)),
			want: []string{"critical possible pid:7 used,sockets,rest => find-open-files"}},
		{name: "another process reused the pid", before: drawAll(drawProgram(7, "sh", 10, 1024), func(s *sketch) { s.Processes[7].StartTicks = 1 }),
			now: drawAll(drawProgram(7, "java", 850, 1024), serving(840)), want: []string{"warning possible pid:7 used,sockets,rest => raise-fd-limit,close-connections"}},

		{name: "H9: very many connections under a limit that fits", now: drawAll(drawProgram(7, "push", 100_000, 1_000_000), serving(50_000))},
		{name: "EMFILE of a process that is not known here", now: drawNothing, seen: []host.Failure{{PID: 9, Call: "socket", Errno: errMFILE, Count: 1}}},
		{name: "unknown counts", now: func(s *sketch) { s.Processes[7] = &host.Process{PID: 7, UDP: -1} }},
		{name: "a limit of 0", now: drawProgram(7, "x", 0, 0)},
	})
}
