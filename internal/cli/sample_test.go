package cli

import (
	"bytes"
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// hostileName is what a program may call itself.
const hostileName = "\x1b[2J\"ev,il\u202e\xff"

// sampleSnapshot is a small machine that has something of everything.
func sampleSnapshot() *host.Snapshot {
	ap := netip.MustParseAddrPort
	return &host.Snapshot{
		Machine: host.Machine{Name: "web-1", OS: "linux", Kernel: "6.18.44", InitialNetNS: 4026531840},
		TakenAt: time.Date(2026, 11, 22, 9, 5, 0, 250e6, time.FixedZone("CET", 3600)),
		Source:  host.Source{Kind: host.Live, SocketsBy: "bpf-iter", OwnersBy: "bpf-iter"},
		Namespaces: []*host.NetNS{
			{Inode: 4026531840, Self: true},
			{Inode: 4026532281, Name: "blue", PID: 900},
		},
		Processes: map[int32]*host.Process{
			812: {PID: 812, Name: "java", Exe: "/usr/bin/java", UID: 1001, User: "app", Unit: "shop.service",
				Container: &host.Container{ID: "8d3c99aa11ff00ee55", Name: "shop", Engine: "docker"}},
			900: {PID: 900, Name: "nginx", Exe: "/usr/sbin/nginx", UID: 0, User: "root", Unit: "nginx.service"},
			901: {PID: 901, Name: "nginx", Exe: "/usr/sbin/nginx", UID: 33, User: "www-data", Unit: "nginx.service"},
			666: {PID: 666, Name: hostileName, Container: &host.Container{ID: "0123456789abcdef"}},
		},
		Sharers: map[uint64][]int32{50: {900, 901}},
		Sockets: []tcp.Socket{
			{State: tcp.Listen, Local: ap("0.0.0.0:80"), NetNS: 4026532281, Inode: 50, Cookie: 3, PID: 900, SendQ: 511, Port: tcp.PortBound},
			{State: tcp.Listen, Local: ap("[::]:8080"), NetNS: 4026531840, Inode: 51, UID: 1001, PID: 812, RecvQ: 2, SendQ: 100, Port: tcp.PortBound},
			{State: tcp.Established, Local: ap("10.0.0.1:41234"), Remote: ap("10.0.0.2:3306"), NetNS: 4026531840, Inode: 52, Cookie: 9,
				UID: 1001, PID: 812, Mark: 0x101, Iface: 1, Port: tcp.PortAuto,
				Timer: tcp.Timer{Kind: tcp.TimerKeepalive, Expires: 2*time.Hour + 5*time.Minute},
				Info: &tcp.Info{RTT: 1250 * time.Microsecond, RTO: 201 * time.Millisecond, Retrans: 4, Unacked: 1,
					LastSend: 30 * time.Millisecond, LastRecv: 75 * time.Second, LastAck: 31 * time.Millisecond,
					BytesAcked: 1 << 40, BytesReceived: 12, Backoff: 1, Probes: 2, SendWindow: 65535, HasWindow: true}},
			{State: tcp.Established, Local: ap("[2001:db8:0:1:1234:5678:9abc:def0]:443"), Remote: ap("[2001:db8:ffff::9]:50000"),
				NetNS: 4026532281, Inode: 50, PID: 900, SendQ: 4096,
				Timer: tcp.Timer{Kind: tcp.TimerOn, Expires: 212 * time.Millisecond, Retries: 3}},
			{State: tcp.TimeWait, Local: ap("10.0.0.1:41235"), Remote: ap("10.0.0.2:3306"), NetNS: 4026531840,
				Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 41200 * time.Millisecond}},
			{State: tcp.TimeWait, Local: ap("10.0.0.1:41236"), Remote: ap("10.0.0.2:3306"), NetNS: 4026531840,
				Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 59 * time.Second}},
			{State: tcp.CloseWait, Local: ap("10.0.0.1:50001"), Remote: ap("10.0.0.3:443"), NetNS: 4026531840, Inode: 53, UID: 1001, PID: 666, RecvQ: 1},
			{State: tcp.FinWait2, Local: ap("10.0.0.1:8080"), Remote: ap("10.0.0.9:999"), NetNS: 4026531840, Orphan: true,
				Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 3 * time.Second}, V4Mapped: true},
			{State: tcp.Bound, Local: ap("127.0.0.1:9"), NetNS: 4026531840, Inode: 54, UID: 4711, PID: 777},
			{State: tcp.Closed, NetNS: 0, Inode: 55, PID: 812, UID: 1001},
		},
		BlindSpots: []host.BlindSpot{{Code: "made-up-code", Subject: "pid \x1b[1m812", Err: "permission denied", Count: 1}},
	}
}

func sampleTake(_ context.Context, o collect.Options) (*host.Snapshot, error) {
	if o.NetNS == "nosuch" {
		return nil, collect.ErrUnknownNetNS
	}
	return sampleSnapshot(), nil
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

type machine struct {
	take  takeFunc
	tty   bool
	width int
	env   map[string]string
}

func (m machine) run(args ...string) result {
	var out, errs bytes.Buffer
	app := App{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, StdoutTTY: m.tty, Width: m.width,
		Getenv: func(k string) string { return m.env[k] }}
	if m.take == nil {
		m.take = sampleTake
	}
	code := runRoot(context.Background(), args, app, m.take)
	return result{code, out.String(), errs.String()}
}

// runRoot is Run with another machine under list and count.
func runRoot(ctx context.Context, args []string, app App, take takeFunc) int {
	root := newRoot(app)
	for _, c := range root.Commands() {
		if c.Name() == "list" || c.Name() == "count" {
			root.RemoveCommand(c)
		}
	}
	root.AddCommand(newListCmd(app, take), newCountCmd(app, take))
	return execute(ctx, root, args, app)
}
