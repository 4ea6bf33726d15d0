// Package conntrack reads lists and statistics of connection tracking: conntrack -L and
// -S, /proc/net/nf_conntrack.
//
// In: lines.
// Out: how many entries there are, and what was dropped, in a form.Builder.
// Entries are no sockets: whose they are cannot be told.
package conntrack
