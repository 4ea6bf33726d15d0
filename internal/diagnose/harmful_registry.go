package diagnose

import (
	"fmt"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Microsoft documents TcpTimedWaitDelay from 30 to 300 seconds
// (https://technet.microsoft.com/library/cc938217), for Server 2003 from 0
// (https://technet.microsoft.com/en-us/library/cc757512.aspx), and that a segment
// is repeated five times (KB170359, https://mskb.pkisolutions.com/kb/170359).
const (
	timedWaitLow  = 30
	timedWaitHigh = 300
	repeatsFew    = 3 // below this a second's outage ends connections
	registryTCP   = `HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	registryAFD   = `HKLM\SYSTEM\CurrentControlSet\Services\AFD\Parameters`
)

// registryBeliefs are values of the TCP of Windows 2000 and Server 2003 that guides
// still hand on, by what is wrong with them today. Each has its entry in the
// catalogue with Microsoft's pages: that the driver does not read
// EnableDynamicBacklog since Vista is from its nettracer blog, what it did to
// Server 2003 from KB951162 (https://mskb.pkisolutions.com/kb/951162).
var registryBeliefs = []struct{ key, name string }{
	{"registry-port", "MaxUserPort"},
	{"registry-old", "TcpNumConnections"},
	{"registry-old", "MaxFreeTcbs"},
	{"registry-old", "MaxFreeTWTcbs"},
	{"registry-old", "MaxHashTableSize"},
	{"registry-unknown", "StrictTimeWaitSeqCheck"},
	{"registry-backlog", "EnableDynamicBacklog"},
}

// badRegistry: values in the registry of Windows that do harm, or do not what they
// are set for. Those of the old TCP do their work where that TCP runs.
func (s *space) badRegistry(m *host.Machine) []badSetting {
	var bad []badSetting
	add := func(key, name, path string, v int64, mild bool) {
		bad = append(bad, badSetting{key: key, name: name, value: fmt.Sprint(v), number: float64(v), mild: mild, path: path,
			values: knowledge.Values{Kind: "registry", Path: path}})
	}
	if v, ok := s.registry("TcpTimedWaitDelay"); ok && (v < timedWaitLeast(m) || v > timedWaitHigh) {
		add("registry-timed-wait", "TcpTimedWaitDelay", registryTCP, v, true)
	}
	if v, ok := s.registry("TcpMaxDataRetransmissions"); ok && v < repeatsFew {
		add("registry-repeats", "TcpMaxDataRetransmissions", registryTCP, v, false)
	}
	for _, b := range registryBeliefs {
		v, ok := s.registry(b.name)
		switch {
		case !ok:
		case b.key == "registry-backlog":
			if v != 0 {
				add(b.key, b.name, registryAFD, v, true)
			}
		case beforeVista(m) && b.key != "registry-unknown":
		default:
			add(b.key, b.name, registryTCP, v, true)
			bad[len(bad)-1].doubted = b.key == "registry-port" && windowsMajor(m) == 0
		}
	}
	return bad
}

// timedWaitLeast is the lowest TcpTimedWaitDelay that is documented for a machine.
func timedWaitLeast(m *host.Machine) int64 {
	if beforeVista(m) && strings.HasPrefix(m.Kernel, server2003) {
		return 0
	}
	return timedWaitLow
}

// registry returns a value that a text told of the registry.
func (s *space) registry(name string) (int64, bool) {
	return s.ns.Settings.Int("windows." + name)
}
