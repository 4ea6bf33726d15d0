// Package form is what all forms of text have in common: what a kind of text and its
// reader are, the Builder that they put what they understand into, and how addresses,
// states, numbers and typed commands are written.
//
// In: words and lines.
// Out: what they mean; a Snapshot of all that was put into a Builder.
// It reads no program's output: that do the packages beside it.
package form
