// Package netstat reads the tables of netstat: Windows, net-tools of Linux, the BSDs,
// macOS, Solaris and AIX, in any language, and sockstat of the BSDs.
//
// In: lines, from the heading or from a row that only netstat writes.
// Out: sockets, their owners and timers, in a form.Builder. States in a language that
// nobody taught are concluded from what all rows of a word have in common.
// Not told by such text: when what was opened, and most systems' owners of TIME_WAIT.
package netstat
