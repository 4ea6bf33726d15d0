package collect

import (
	"testing"

	"sockeye/internal/tcp"
)

// TestInterfaces: names are asked for only when a socket is bound to an interface.
func TestInterfaces(t *testing.T) {
	if got := interfacesOf([]tcp.Socket{{}, {}}); got != nil {
		t.Errorf("names %v without a bound socket, want none", got)
	}
	if got := interfacesOf([]tcp.Socket{{}, {Iface: 1}})[1]; got != "lo" {
		t.Errorf("interface 1 is %q, want lo", got)
	}
}
