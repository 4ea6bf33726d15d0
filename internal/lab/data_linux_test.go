package lab

import (
	"debug/elf"
	"debug/gosym"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sockeye/internal/tcp"
)

var comparable = cmp.Options{
	cmpopts.EquateComparable(netip.AddrPort{}), cmp.AllowUnexported(segment{}),
}

func TestScenarioData(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios() {
		if seen[s.name] {
			t.Errorf("two scenarios are called %s", s.name)
		}
		seen[s.name] = true
		if s.about.En == "" || s.about.Zh == "" {
			t.Errorf("%s: a language is missing", s.name)
		}
		if s.expect.Healthy == (s.expect.Finding != "") {
			t.Errorf("%s: either healthy or with a finding", s.name)
		}
		roles := map[string]bool{}
		for _, r := range s.roles {
			if roles[r.name] || len(r.name) > 15 { // comm holds 15 bytes
				t.Errorf("%s: role name %q", s.name, r.name)
			}
			roles[r.name] = true
		}
		if s.expect.Culprit != "" && !roles[s.expect.Culprit] {
			t.Errorf("%s: culprit %q is no role", s.name, s.expect.Culprit)
		}
		if s.expect.Opener != "" && !roles[s.expect.Opener] {
			t.Errorf("%s: opener %q is no role", s.name, s.expect.Opener)
		}
		if !slices.Contains([]string{"", "local", "peer"}, s.expect.Closer) {
			t.Errorf("%s: closer %q", s.name, s.expect.Closer)
		}
		if (s.expect.Errno == "") != (s.expect.Call == "") || s.expect.Errno != "" && errnos[s.expect.Errno] == 0 {
			t.Errorf("%s: call %q fails with %q", s.name, s.expect.Call, s.expect.Errno)
		}
	}
	for _, s := range scenarios() {
		if found, ok := findScenario(s.also); s.also != "" && (seen[s.also] || !ok || found.name != s.name) {
			t.Errorf("%q leads to %s, want %s alone", s.also, found.name, s.name)
		}
	}
	// What the lab must have at least.
	for _, name := range strings.Fields(`states ftp port-exhaustion bind-port-exhaustion reserved-ports short-lived-connections
		close-wait-leak never-accepted fin-wait-2-held accept-queue-overflow syn-queue-pressure unreachable-destination
		connection-scan retry-storm fd-exhaustion time-wait-buckets-full conntrack-full unconnected-socket-leak
		half-open-connections connection-leak slow-reader slow-peer address-in-use self-connect suspicious-process
		busy-web-server idle-pool many-destinations refused`) {
		if !seen[name] {
			t.Errorf("no scenario %s", name)
		}
	}
}

var errnos = map[string]syscall.Errno{
	"EADDRINUSE": syscall.EADDRINUSE, "EADDRNOTAVAIL": syscall.EADDRNOTAVAIL,
	"ECONNREFUSED": syscall.ECONNREFUSED, "EMFILE": syscall.EMFILE,
}

// TestCodeIsThere looks up the functions that an examination must name in the
// table that it reads them from. One that the compiler put into its caller
// everywhere is not there.
func TestCodeIsThere(t *testing.T) {
	exe, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	lines, err := exe.Section(".gopclntab").Data()
	if err != nil {
		t.Fatal(err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, exe.Section(".text").Addr))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range scenarios() {
		if s.expect.Code == "" {
			continue
		}
		n++
		if table.LookupFunc("sockeye/internal/"+s.expect.Code) == nil {
			t.Errorf("%s: no function sockeye/internal/%s in this program", s.name, s.expect.Code)
		}
	}
	if n == 0 {
		t.Error("no scenario names code")
	}
}

func TestMessageFitsPipe(t *testing.T) {
	const pipeBuf = 4096
	rows := make([]Row, 16)
	for i := range rows {
		rows[i] = Row{Laddr: "192.168.100.100", Lport: 65535, Raddr: "192.168.100.101", Rport: 65535, State: "ESTABLISHED", Role: "fifteen-letters"}
	}
	long := strings.Repeat("字", 150)
	line, err := json.Marshal(message{Kind: EventStep, Role: "fifteen-letters", Text: Text{En: long, Zh: long}, Sockets: rows})
	if err != nil || len(line)+1 > pipeBuf {
		t.Errorf("%d bytes, %v; want at most %d", len(line)+1, err, pipeBuf)
	}
}

func TestParseSocketLine(t *testing.T) {
	for _, tt := range []struct {
		line string
		want tcp.Socket
	}{
		{"   0: 0A0200C0:2328 00000000:0000 0A 00000000:00000009 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0",
			tcp.Socket{Local: netip.MustParseAddrPort("192.0.2.10:9000"), Remote: netip.MustParseAddrPort("0.0.0.0:0"), State: tcp.Listen, RecvQ: 9, Inode: 4711}},
		{"   1: 010200C0:9C40 076433C6:2328 01 00000064:00000000 01:00000057 00000005     0        0 4712 2 0000000000000000",
			tcp.Socket{Local: netip.MustParseAddrPort("192.0.2.1:40000"), Remote: netip.MustParseAddrPort("198.51.100.7:9000"), State: tcp.Established, SendQ: 100,
				Timer: tcp.Timer{Kind: tcp.TimerOn, Retries: 5, Expires: 870 * time.Millisecond}, Inode: 4712}},
		{"   2: 0000000000000000FFFF00000A0200C0:2328 0000000000000000FFFF0000010200C0:9C40 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000",
			tcp.Socket{Local: netip.MustParseAddrPort("192.0.2.10:9000"), Remote: netip.MustParseAddrPort("192.0.2.1:40000"), State: tcp.TimeWait,
				Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Minute}}},
	} {
		got, err := parseSocketLine(tt.line)
		if diff := cmp.Diff(tt.want, got, comparable, cmpopts.IgnoreUnexported(tcp.Socket{})); err != nil || diff != "" {
			t.Errorf("%s\n%v\n%s", tt.line, err, diff)
		}
	}
	for _, line := range []string{"", "0:", "0: 0A02:1 0:0 0A 0:0 0:0 0 0 0 0", strings.Repeat("x ", 20)} {
		if s, err := parseSocketLine(line); err == nil {
			t.Errorf("%q is read as %+v", line, s)
		}
	}
}

func TestSegmentRoundTrip(t *testing.T) {
	want := segment{
		from: netip.MustParseAddrPort("203.0.113.9:1234"), to: netip.MustParseAddrPort("192.0.2.10:8080"),
		seq: 0xfffffff0, ack: 7, flags: flagFIN | flagACK, window: 4096, payload: 33,
	}
	packet := want.encode()
	got, ok := parseSegment(packet)
	if diff := cmp.Diff(want, got, comparable); !ok || diff != "" {
		t.Errorf("ok = %v\n%s", ok, diff)
	}
	// A checksum over data that holds its own checksum is 0 (RFC 1071).
	if sum := checksum(0, packet[:20]); sum != 0 {
		t.Errorf("IPv4 header checksum leaves %#x", sum)
	}
	pseudo := uint32(6 + len(packet) - 20)
	for i := 12; i < 20; i += 2 {
		pseudo += uint32(packet[i])<<8 | uint32(packet[i+1])
	}
	if sum := checksum(pseudo, packet[20:]); sum != 0 {
		t.Errorf("TCP checksum leaves %#x", sum)
	}
	if n := want.next(); n != 18 {
		t.Errorf("next = %d, want 18: 33 bytes and the FIN after 0xfffffff0", n)
	}
}

func FuzzParseSegment(f *testing.F) {
	f.Add(segment{from: netip.MustParseAddrPort("203.0.113.9:1"), to: netip.MustParseAddrPort("192.0.2.10:2"), flags: flagSYN}.encode())
	f.Add([]byte{0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseSegment(b); ok && (s.payload < 0 || s.payload > len(b)) {
			t.Errorf("payload %d in %d bytes", s.payload, len(b))
		}
	})
}

func FuzzParseSocketLine(f *testing.F) {
	f.Add("   0: 0A0200C0:2328 00000000:0000 0A 00000000:00000009 00:00000000 00000000     0        0 4711 1")
	f.Fuzz(func(_ *testing.T, line string) { _, _ = parseSocketLine(line) })
}
