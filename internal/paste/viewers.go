package paste

import "bytes"

// viewerKinds are tables that name their columns, and rows of the viewers of
// Windows that people copy without a heading. TCPView, Tcpvcon and CurrPorts run
// on Windows only.
var viewerKinds = []kind{
	{name: "TCPView", begins: unheadedBegins, open: func() reader {
		return &unheadedTable{seen{by: "TCPView"}}
	}},
	{name: "Tcpvcon", begins: tcpvconBegins, open: func() reader {
		return &record{seen: seen{by: "Tcpvcon"}, windows: true}
	}},
	{name: "CurrPorts", begins: currPortsBegins, open: func() reader {
		return &headedTable{seen: seen{by: "CurrPorts"}, windows: true}
	}},
	{name: "CurrPorts (list)", begins: recordBegins, open: func() reader {
		return &record{seen: seen{by: "CurrPorts"}, windows: true}
	}},
	{name: "tasklist", begins: tasklistBegins, open: func() reader { return &tasklist{} }},
	{name: "tasklist", begins: tasklistRowBegins, open: func() reader { return tasklistRows{} }},
	{name: "processes", begins: processesBegins, open: func() reader { return &processTable{} }},
	{name: "table", begins: func(line []byte) bool { return layoutOf(line) != nil }, open: func() reader {
		return &headedTable{seen: seen{by: "table"}}
	}},
}

// currPortsBegins: the heading of CurrPorts and of TCPView, by words that other
// tables do not have.
func currPortsBegins(line []byte) bool {
	return maybeHeading(line) && (bytes.Contains(line, []byte("Local Port Name")) || bytes.Contains(line, []byte("Process Name")) && bytes.Contains(line, []byte("Module Name"))) &&
		layoutOf(line) != nil
}
