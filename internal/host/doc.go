// Package host names the things that flow: a Snapshot of a machine's sockets,
// the processes that hold them, the namespaces they live in, the limits they
// press against, and the Activity that was seen between two snapshots.
//
// In: nothing; types only, and the arithmetic that belongs to one value.
// Out: what collect, paste and record make and diagnose, report and list read.
package host
