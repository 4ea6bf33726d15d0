// Package ss reads what iproute2's ss writes: its table, however broken by a terminal,
// the summary of ss -s, and the binary file of ss -D.
//
// In: lines, or the file.
// Out: sockets with timers, owners and measurements, in a form.Builder.
// What a filter or an option left out cannot be told, and is said as a blind spot.
package ss
