package netstat

import (
	"strings"

	"sockeye/internal/paste/form"
)

// drops tells whether a command asked netstat of a Unix and left out some of
// what there is: by a program behind it, or because -a was not among its options.
// Without -a nobody who listens is shown; with -l and without -a nobody else is on
// Linux, and on BSD and macOS -l has nothing to do with listening.
func drops(line string) bool {
	command, behind, piped := strings.Cut(line, "|")
	at := strings.Index(command, "netstat")
	if at < 0 || len(line) > 400 || strings.ContainsAny(line, ";&") {
		return false
	}
	if piped && form.PipelineDrops(behind) {
		return true
	}
	command, _, _ = strings.Cut(command[at:], ">")
	option := false
	for _, word := range strings.Fields(command)[1:] {
		before := option
		switch option = len(word) > 1 && word[0] == '-'; {
		case word == "--all", option && word[1] != '-' && strings.Contains(word, "a"):
			return false
		case !option && !before:
			return false // a sentence about netstat: what an option takes stands behind one
		}
	}
	return true
}
