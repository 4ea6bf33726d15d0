// Package statistics reads netstat -s of all systems: counters, as sentences or as
// equations.
//
// In: lines.
// Out: counters by nstat's names, in a form.Builder.
// Counters are sums since the machine's start: when anything happened they cannot tell.
package statistics
