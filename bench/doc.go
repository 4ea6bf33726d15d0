// Command bench sets Sockeye beside ss, netstat and lsof on the same sockets, in
// one run, and prints a table. `make bench` builds and starts it.
//
// In: the built sockeye and whichever of the other tools are installed.
// Out: the table and the goals, on stdout; progress on stderr. It needs Linux and
// root: the sockets live in private network namespaces that die with it.
package main
