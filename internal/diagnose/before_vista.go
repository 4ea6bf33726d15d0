package diagnose

import (
	"strconv"
	"strings"

	"sockeye/internal/host"
)

// Versions of Windows in which its TCP changed: Vista and Server 2008 are 6.0,
// Server 2003 is 5.2 (Microsoft, "Operating System Version").
const (
	vista      = 6
	server2003 = "5.2"
)

// The port numbers that MaxUserPort takes (KB196271), and the first one that was
// given out.
const (
	userPortLow   = 5000
	userPortHigh  = 65534
	userPortFirst = 1025
)

// windowsMajor is the major version of Windows in "5.2.3790", 0 where none is
// known or the machine is another system.
func windowsMajor(m *host.Machine) int {
	if m.OS != "windows" {
		return 0
	}
	major, _, _ := strings.Cut(m.Kernel, ".")
	n, err := strconv.Atoi(major)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// beforeVista reports whether a machine is known to have the TCP of Windows NT,
// 2000, XP or Server 2003: there the registry's MaxUserPort is the range of local
// ports, and netsh knows no other.
func beforeVista(m *host.Machine) bool {
	major := windowsMajor(m)
	return major > 0 && major < vista
}

// userPorts is the range of local ports of Windows before Vista: up to
// MaxUserPort, 5000 unless set. Of a value that it does not take, the nearest
// that it does is assumed.
func userPorts(set host.Settings) (low, high uint16, told bool) {
	v, told := set.Int("windows.MaxUserPort")
	if !told {
		return oldDynamicPorts[0], oldDynamicPorts[1], false
	}
	return userPortFirst, uint16(min(max(v, userPortLow), userPortHigh)), true
}

// usualRange is what the system that was looked at hands out unless told otherwise.
func (x *examination) usualRange(os string) (r [2]uint16, known bool) {
	if os == "windows" && beforeVista(&x.now.Machine) {
		return oldDynamicPorts, true
	}
	r, known = defaultRanges[os]
	return r, known
}
