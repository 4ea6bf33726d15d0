// Package procnet reads the files below /proc/net: tcp and tcp6, sockstat, snmp and
// netstat, the statistics per CPU, and the counters as nstat prints them.
//
// In: lines, of a machine of either byte order.
// Out: sockets with timers and inodes, counters, in a form.Builder.
// Owners are told by none of these files: they name inodes.
package procnet
