package viewer

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// Kinds are tables that name their columns, and rows of the viewers of
// Windows that people copy without a heading. TCPView, Tcpvcon and CurrPorts run
// on Windows only.
var Kinds = []form.Kind{
	{Name: "TCPView", Begins: unheadedBegins, Open: func() form.Reader {
		return &unheadedTable{seen{by: "TCPView"}}
	}},
	{Name: "Tcpvcon", Begins: tcpvconBegins, Open: func() form.Reader {
		return &record{seen: seen{by: "Tcpvcon"}, windows: true}
	}},
	{Name: "CurrPorts", Begins: currPortsBegins, Open: func() form.Reader {
		return &headedTable{seen: seen{by: "CurrPorts"}, windows: true}
	}},
	{Name: "CurrPorts (list)", Begins: recordBegins, Open: func() form.Reader {
		return &record{seen: seen{by: "CurrPorts"}, windows: true}
	}},
	{Name: "tasklist", Begins: tasklistBegins, Open: func() form.Reader { return &tasklist{} }},
	{Name: "tasklist", Begins: tasklistRowBegins, Open: func() form.Reader { return tasklistRows{} }},
	{Name: "processes", Begins: processesBegins, Open: func() form.Reader { return &processTable{} }},
	{Name: "table", Begins: func(line []byte) bool { return layoutOf(line) != nil }, Open: func() form.Reader {
		return &headedTable{seen: seen{by: "table"}}
	}},
}

// currPortsBegins: the heading of CurrPorts and of TCPView, by words that other
// tables do not have.
func currPortsBegins(line []byte) bool {
	return maybeHeading(line) && (bytes.Contains(line, []byte("Local Port Name")) || bytes.Contains(line, []byte("Process Name")) && bytes.Contains(line, []byte("Module Name"))) &&
		layoutOf(line) != nil
}
