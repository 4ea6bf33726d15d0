// Command bench sets Sockeye beside the tools of the trade, in one run, and
// prints tables: list, count and doctor beside ss, netstat and lsof on the same
// sockets; the tracer beside bpftrace on the same churn, with what it costs and
// what it remembers; explain on saved text. `make bench` builds and starts it.
//
// In: the built sockeye and whichever of the other tools are installed.
// Out: the tables and the goals, on stdout; progress on stderr. It needs Linux and
// root: the sockets live in private network namespaces that die with it.
package main
