package viewer

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// PowerShellKinds are the forms in which PowerShell prints what
// Get-NetTCPConnection returns. Only Windows has it.
var PowerShellKinds = []form.Kind{
	{Name: "Get-NetTCPConnection", Begins: powershellTableBegins, Open: func() form.Reader {
		return &headedTable{seen: powershellSeen(), windows: true}
	}},
	{Name: "Get-NetTCPConnection", Begins: powershellRowBegins, Open: func() form.Reader {
		return &powershellRows{seen: powershellSeen()}
	}},
	{Name: "Get-NetTCPConnection (groups)", Begins: powershellGroupsBegin, Open: func() form.Reader { return &powershellGroups{} }},
	{Name: "Get-NetTCPConnection (list)", Begins: powershellListBegins, Open: func() form.Reader {
		return &record{seen: powershellSeen(), windows: true}
	}},
	{Name: "Get-NetTCPConnection (JSON)", Begins: JSONBegins, Open: func() form.Reader {
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
