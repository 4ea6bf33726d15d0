// Package counted reads what people make of a list of connections with sort, uniq -c,
// awk and wc: numbers beside states or remote ends.
//
// In: lines.
// Out: how many sockets are in which state, in a form.Builder.
// The sockets themselves are not there any more.
package counted
