// Package lsof reads lsof's table and its -F fields.
//
// In: lines.
// Out: sockets, who holds them, and how many descriptors each process has open, in a
// form.Builder.
// What nobody holds lsof cannot show: TIME_WAIT, orphans.
package lsof
