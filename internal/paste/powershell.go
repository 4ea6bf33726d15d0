package paste

import (
	"bytes"

	"sockeye/internal/tcp"
)

// powershellKinds are the forms in which PowerShell prints what
// Get-NetTCPConnection returns. Only Windows has it.
var powershellKinds = []kind{
	{name: "Get-NetTCPConnection", begins: powershellTableBegins, open: func() reader {
		return &headedTable{seen: powershellSeen(), windows: true}
	}},
	{name: "Get-NetTCPConnection", begins: powershellRowBegins, open: func() reader {
		return &powershellRows{seen: powershellSeen()}
	}},
	{name: "Get-NetTCPConnection (groups)", begins: powershellGroupsBegin, open: func() reader { return &powershellGroups{} }},
	{name: "Get-NetTCPConnection (list)", begins: powershellListBegins, open: func() reader {
		return &record{seen: powershellSeen(), windows: true}
	}},
	{name: "Get-NetTCPConnection (JSON)", begins: jsonBegins, open: func() reader {
		return &jsonRows{seen: powershellSeen()}
	}},
}

func powershellSeen() seen { return seen{by: "Get-NetTCPConnection", numbers: &mibStates} }

func powershellTableBegins(line []byte) bool {
	if bytes.HasPrefix(line, []byte("#TYPE")) {
		return bytes.Contains(line, []byte("MSFT_NetTCPConnection"))
	}
	return maybeHeading(line) && bytes.Contains(line, []byte("LocalAddress")) && bytes.Contains(line, []byte("LocalPort")) && layoutOf(line) != nil
}

// dropDoubleBound takes out the BOUND rows of ports that another row has, too:
// Windows lists a connection's own hold on its port beside the connection, also
// when that is in TIME_WAIT, and neither is a socket of its own. What remains is
// bound and nothing else. from is where the part's sockets begin.
func dropDoubleBound(b *builder, from int) {
	if from > len(b.sockets) {
		return
	}
	bound := false
	var used [1 << 16]bool
	for i := range b.sockets[from:] {
		s := &b.sockets[from+i]
		if s.State == tcp.Bound {
			bound = true
		} else {
			used[s.Local.Port()] = true
		}
	}
	if !bound {
		return
	}
	kept := b.sockets[:from]
	for _, s := range b.sockets[from:] {
		if s.State != tcp.Bound || !used[s.Local.Port()] {
			kept = append(kept, s)
		}
	}
	b.sockets = kept
}
