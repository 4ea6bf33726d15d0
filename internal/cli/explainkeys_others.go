//go:build !windows

package cli

// endOfInput is what ends what is typed into a terminal.
const endOfInput = "Ctrl-D"
