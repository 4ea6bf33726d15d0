// Package viewer reads tables of connections whose columns their headings name: TCPView,
// Tcpvcon, CurrPorts, PowerShell's objects, CSV, Markdown and JSON, with
// process lists (tasklist, Get-Process, ps) beside them.
//
// In: lines.
// Out: sockets and their owners, in a form.Builder.
// A table without headings is read by the shape of its words, and only where that
// leaves no doubt.
package viewer
