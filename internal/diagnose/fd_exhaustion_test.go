package diagnose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestFdExhaustion(t *testing.T) {
	closeWait := drawSockets(900, 7, tcp.CloseWait, "10.0.0.1:%d", "10.0.0.2:443")
	serving := func(n int) func(*sketch) {
		return drawAll(drawListener(7, "0.0.0.0:80", 0, 128), drawSockets(n, 7, tcp.Established, "10.0.0.1:80", "10.0.0.2:%d"))
	}
	judgeSketches(t, fdExhaustion, []sketchCase{
		{name: "limit reached by a leak", now: drawAll(drawProgram(7, "java", 1024, 1024), closeWait),
			want: []string{"critical proven pid:7 used,sockets,rest => close-connections,raise-fd-limit"}},
		{name: "EMFILE seen below the limit that is read later", now: drawAll(drawProgram(7, "node", 700, 1024), closeWait),
			seen: []host.Failure{{PID: 7, Call: "accept", Errno: errMFILE, Count: 12}, {PID: 7, Call: "connect", Errno: 111, Count: 9}},
			want: []string{"critical proven pid:7 used,failed,sockets => close-connections,raise-fd-limit"}},
		{name: "nearly there and growing", before: drawAll(drawProgram(7, "python3", 970, 1024)), now: drawAll(drawProgram(7, "python3", 990, 1024), closeWait),
			want: []string{"critical likely pid:7 used,growing,sockets,rest => close-connections,raise-fd-limit"}},
		{name: "four fifths in one glance", now: drawAll(drawProgram(7, "go", 850, 1024), serving(800)),
			want: []string{"warning possible pid:7 used,sockets,rest => close-accepted,raise-fd-limit"}},
		{name: "files, not sockets", now: drawAll(drawProgram(7, "python3", 1000, 1024)),
			want: []string{"warning possible pid:7 used,rest => find-open-files,raise-fd-limit"}},
		{name: "connects that nobody answers", now: drawAll(drawProgram(7, "cloudflared", 1010, 1024), drawSockets(990, 7, tcp.SynSent, "10.0.0.1:%d", "1.1.1.1:443")),
			want: []string{"warning possible pid:7 used,sockets,rest => connect-timeout,raise-fd-limit"}},
		{name: "UDP sockets fill it", now: drawAll(drawProgram(7, "java", 1024, 1024), func(s *sketch) { s.Processes[7].UDP = 1000 }),
			want: []string{"critical proven pid:7 used,udp,rest => share-udp-socket,raise-fd-limit"}},
		{name: "no higher limit is allowed", now: drawAll(drawProgram(7, "nginx", 1048570, 1048576), serving(10)),
			want: []string{"warning possible pid:7 used,sockets,rest => find-open-files"}},
		{name: "another process reused the pid", before: drawAll(drawProgram(7, "sh", 10, 1024), func(s *sketch) { s.Processes[7].StartTicks = 1 }),
			now: drawAll(drawProgram(7, "java", 850, 1024), serving(840)), want: []string{"warning possible pid:7 used,sockets,rest => close-accepted,raise-fd-limit"}},

		{name: "the workers of one program", now: drawAll(drawProgram(9, "php-fpm", 900, 1024), drawProgram(7, "php-fpm", 1000, 1024), drawProgram(8, "php-fpm", 960, 1024)),
			want: []string{"warning possible pid:7,8,9 used,alike,rest => find-open-files,raise-fd-limit"}},
		{name: "97 of 100 and it stays there", before: drawProgram(7, "srv", 97, 100), now: drawProgram(7, "srv", 97, 100),
			want: []string{"warning possible pid:7 used,rest => find-open-files,raise-fd-limit"}},
		{name: "97 of 100 and growing", before: drawProgram(7, "srv", 96, 100), now: drawProgram(7, "srv", 97, 100),
			want: []string{"critical likely pid:7 used,growing,rest => find-open-files,raise-fd-limit"}},
		{name: "without root, another user's", now: drawAll(drawProgram(7, "srv", 97, 100), blindTo("no-root")),
			want: []string{"warning possible pid:7 used => raise-fd-limit"}},
		{name: "its descriptors may not be read", now: drawAll(drawProgram(7, "srv", 100, 100), blindTo("owners-no-permission")),
			want: []string{"critical proven pid:7 used => raise-fd-limit"}},
		{name: "without root, one's own", now: drawAll(drawProgram(7, "srv", 97, 100), blindTo("no-root"), drawSockets(40, 7, tcp.CloseWait, "10.0.0.1:%d", "10.0.0.2:443")),
			want: []string{"warning possible pid:7 used,sockets,rest => find-open-files,raise-fd-limit"}},
		{name: "without root, its UDP sockets were counted", now: drawAll(drawProgram(7, "srv", 97, 100), blindTo("no-root"), func(s *sketch) { s.Processes[7].UDP = 3 }),
			want: []string{"warning possible pid:7 used,udp,rest => find-open-files,raise-fd-limit"}},
		{name: "locked in, and it wanted more", now: drawProgram(7, "sshd", 9, 1), seen: []host.Failure{{PID: 7, Call: "socket", Errno: errMFILE, Count: 1}},
			want: []string{"critical proven pid:7 used,failed,rest => find-open-files,raise-fd-limit"}},

		{name: "locked in on purpose", now: drawProgram(7, "sshd", 9, 1)},
		{name: "H9: very many connections under a limit that fits", now: drawAll(drawProgram(7, "push", 100_000, 1_000_000), serving(50_000))},
		{name: "EMFILE of a process that is not known here", now: drawNothing, seen: []host.Failure{{PID: 9, Call: "socket", Errno: errMFILE, Count: 1}}},
		{name: "unknown counts", now: func(s *sketch) { s.Processes[7] = &host.Process{PID: 7, UDP: -1} }},
		{name: "a limit of 0", now: drawProgram(7, "x", 0, 0)},
	})
}

func blindTo(code string) func(*sketch) {
	return func(s *sketch) { s.BlindSpots = append(s.BlindSpots, host.BlindSpot{Code: code}) }
}

// The clients of a server are no destinations; one that its own connections go to is.
func TestFdDestinations(t *testing.T) {
	for _, c := range []struct {
		name string
		draw func(*sketch)
		want []Destination
	}{
		{"clients", drawAll(drawListener(7, "0.0.0.0:80", 0, 128), drawSockets(900, 7, tcp.Established, "10.0.0.1:80", "10.0.0.9:%d")), nil},
		{"a backend", drawSockets(900, 7, tcp.CloseWait, "10.0.0.1:%d", "10.0.0.2:443"), []Destination{{"10.0.0.2", 443, 900}}},
		{"a few to each of many", drawSockets(900, 7, tcp.Established, "10.0.0.1:40000", "10.0.0.2:%d"), nil},
	} {
		f := fdExhaustion(examine(nil, sketchOf(drawProgram(7, "java", 1000, 1024), c.draw), nil))
		if len(f) != 1 {
			t.Fatalf("%s: %d findings", c.name, len(f))
		}
		if d := cmp.Diff(c.want, f[0].dests, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
