// Package paste makes a Snapshot of text that somebody saved: netstat, ss, lsof,
// TCPView, /proc, sysctl and their like, from any system and in any language,
// alone or several in one file.
//
// In: bytes, hostile ones.
// Out: Pasted: the Snapshot, what each part of the text was taken for, and what
// could not be read. What the kind of text cannot tell is a blind spot.
//
// Each family of texts is read by a package of its own below this one, which is
// named for what it reads and knows no other family; form is what they share.
// kinds.go lists them.
package paste
