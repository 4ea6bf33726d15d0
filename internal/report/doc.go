// Package report prints a diagnosis: as text for a terminal, as JSON for
// programs, as Markdown for a ticket. It shows and decides nothing.
//
// In: a diagnose.Report and the Book of its language.
// Out: bytes on a writer.
package report
