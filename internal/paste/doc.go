// Package paste makes a Snapshot of text that somebody saved: netstat, ss, lsof,
// TCPView, /proc, sysctl and their like, from any system and in any language,
// alone or several in one file.
//
// In: bytes, hostile ones.
// Out: Pasted: the Snapshot, what each part of the text was taken for, and what
// could not be read. What the kind of text cannot tell is a blind spot.
package paste
