package sample

import (
	"net/netip"
	"os"
	"strings"
	"testing"
)

// KernelCounters are the names in the headings of /proc/net/{snmp,netstat},
// and those that older kernels had.
func KernelCounters(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range []string{"/proc/net/snmp", "/proc/net/netstat"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			section, rest, _ := strings.Cut(line, ":")
			for _, name := range strings.Fields(rest) {
				names[section+name] = true
			}
		}
	}
	return names
}

// ProcHeading is the first line of /proc/net/tcp.
const ProcHeading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// The same five sockets as a little-endian and as a big-endian machine write them.
const (
	ProcLittle = ProcHeading +
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1136 1 000000006f2e9ea9 100 0 0 10 0\n" +
		"   1: 0A01000A:9160 0200000A:0CEA 01 00000010:00000020 02:000001CC 00000000  1000        2 284624 2 00000000c05a6de4 20 4 26 16 -1\n" +
		"   2: 0A01000A:9161 0200000A:0CEA 06 00000000:00000000 03:00000F2D 00000000     0        0 0 3 00000000c05a6de4\n" +
		"   3: 0100007F:1F90 0100007F:C001 04 00000001:00000000 01:00000014 00000005  1000        0 0 1 0000000000000000\n" +
		"   4: 0A01000A:9162 2E7100CB:01BB 02 00000001:00000000 01:00000064 00000002  1000        0 99 2 0000000000000000 400 0 0 1 7\n"
	ProcBig = ProcHeading +
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1136 1 000000006f2e9ea9 100 0 0 10 0\n" +
		"   1: 0A00010A:9160 0A000002:0CEA 01 00000010:00000020 02:000001CC 00000000  1000        2 284624 2 00000000c05a6de4 20 4 26 16 -1\n" +
		"   2: 0A00010A:9161 0A000002:0CEA 06 00000000:00000000 03:00000F2D 00000000     0        0 0 3 00000000c05a6de4\n" +
		"   3: 7F000001:1F90 7F000001:C001 04 00000001:00000000 01:00000014 00000005  1000        0 0 1 0000000000000000\n" +
		"   4: 0A00010A:9162 CB00712E:01BB 02 00000001:00000000 01:00000064 00000002  1000        0 99 2 0000000000000000 400 0 0 1 7\n"
)

// Ends are the two ends of a connection; an empty one is none.
func Ends(local, remote string) (l, r netip.AddrPort) {
	l = netip.MustParseAddrPort(local)
	if remote != "" {
		r = netip.MustParseAddrPort(remote)
	}
	return l, r
}
