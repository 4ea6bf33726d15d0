package diagnose

import "sockeye/internal/host"

// The range of local ports that Linux ships with (Documentation/networking/
// ip-sysctl.rst, ip_local_port_range), and the widest that is ever proposed: it
// begins above the ports where services usually listen. The bounds of both are of
// different parity, as that page asks.
const (
	shippedLow, shippedHigh = 32768, 60999
	widestLow, widestHigh   = 10240, 65535
)

// widerRange proposes a range with more usable ports, not ok where there is none.
// One that is narrow goes back to what Linux ships with, as somebody meant it to be:
// that is the smaller change. It is the rule of tune's plan (make_ports.go), so that
// the two never say different things of one machine.
func widerRange(settings host.Settings, low, high uint16) (newLow, newHigh uint16, ok bool) {
	reserved := settings.ReservedPorts()
	usable := func(low, high uint16) (n int) {
		for p := int(low); p <= int(high); p++ {
			if !reserved.Has(uint16(p)) {
				n++
			}
		}
		return n
	}
	now := usable(low, high)
	if newLow, newHigh = allowedRange(settings, shippedLow, shippedHigh); now < narrowRange && usable(newLow, newHigh) >= narrowRange {
		return newLow, newHigh, true
	}
	newLow, newHigh = allowedRange(settings, widestLow, widestHigh)
	return newLow, newHigh, usable(newLow, newHigh) > now
}

// allowedRange brings a range to what the kernel takes: it refuses one that begins
// below ip_unprivileged_port_start (EINVAL; tried on 6.18), and wants bounds of
// different parity.
func allowedRange(settings host.Settings, low, high uint16) (uint16, uint16) {
	if start, ok := settings.Int("net.ipv4.ip_unprivileged_port_start"); ok && start > int64(low) && start < int64(high) {
		low = uint16(start)
	}
	if low%2 == high%2 && low+1 < high {
		low++
	}
	return low, high
}
