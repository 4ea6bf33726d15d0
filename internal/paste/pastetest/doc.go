// Package pastetest is for tests only: it reads a text as package paste does and looks
// at what came of it.
package pastetest
