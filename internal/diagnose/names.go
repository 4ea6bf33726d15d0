package diagnose

import (
	"net/netip"
	"strconv"
	"strings"

	"sockeye/internal/host"
)

// standIn is the address that a pasted text's names and masks share; what was
// written there is the zone (internal/paste/form, RFC 6666).
var standIn = netip.AddrFrom16([16]byte{0: 1})

// isName reports whether an address only stands for a name or a mask.
func isName(a netip.Addr) bool { return a.Zone() != "" && a.WithZone("") == standIn }

// isMask reports whether an address was blackened in the text ("x.x.x.x",
// "XX.XX.3.4", "***"): several may have been made alike.
func isMask(a netip.Addr) bool {
	return isName(a) && strings.ContainsAny(a.Zone(), "xX*#") && strings.Trim(a.Zone(), "xX*#.:-0123456789") == ""
}

// addrName prints an address, or what stood in the text in its place.
func addrName(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return ""
	case isName(a):
		return host.Printable(a.Zone())
	}
	return a.String()
}

// endName prints an address and a port; a port that no text told is left out.
func endName(ap netip.AddrPort) string {
	switch name := addrName(ap.Addr()); {
	case name == "":
		return ""
	case ap.Port() == 0:
		return name
	case isName(ap.Addr()):
		return name + ":" + strconv.Itoa(int(ap.Port()))
	case ap.Addr().Is6():
		return "[" + name + "]:" + strconv.Itoa(int(ap.Port()))
	default:
		return name + ":" + strconv.Itoa(int(ap.Port()))
	}
}
