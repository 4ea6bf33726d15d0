package cli

import (
	"context"
	"strings"
	"unicode"

	"golang.org/x/sys/windows"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// here is the key of the words that fit this system.
func here(key string) string {
	switch key {
	case "act.outcome.would-end", "act.outcome.killed", "act.outcome.running", "act.kill.why.kernel", "act.kill.sockets.unseen",
		"act.kill.uncounted", "act.kill.no-process.hint", "act.kill.unpermitted.hint":
		return key + ".windows"
	}
	return key
}

// inspectHere describes a process for kill.
func inspectHere(pid int32) (*host.Process, []host.BlindSpot) { return act.Inspect(pid), nil }

// socketsUnread: kill does without a table of sockets where it is given a number.
const socketsUnread = true

// numbersOnly refuses a filter: who holds a socket is not read here yet.
func numbersOnly(book *knowledge.Book) error {
	return refusedTo(book, "act.kill.numbers-only", nil, nil)
}

// forceOnly refuses to end a process without --force: nothing else ends it here.
func forceOnly(book *knowledge.Book, forced bool, list []*host.Process) error {
	if forced {
		return nil
	}
	return refusedTo(book, "act.kill.force-only", nil, serviceNames(list[0]))
}

// endAll ends processes as this system can.
func endAll(ctx context.Context, k *act.Killer, asked string, list []*host.Process) (uint64, []act.Result, error) {
	return k.End(ctx, asked, list)
}

// serviceHere tells of the services of a process, and how to stop them; "" without.
func serviceHere(book *knowledge.Book, p *host.Process) string {
	if names := serviceNames(p); names != nil {
		return sentence(book, "act.kill.unit.windows", names)
	}
	return ""
}

// serviceNames are those of a process that may stand in a command: a name may hold
// anything, and somebody may paste it.
func serviceNames(p *host.Process) []string {
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" _.$-,", r)
	}
	if p.Unit == "" || strings.ContainsFunc(p.Unit, odd) {
		return nil
	}
	return strings.Split(p.Unit, ", ")
}

// userNumber stands for a user whose name is unknown: nothing does here.
func userNumber(uint32) string { return "" }

// stateHere is where the ledger is unless --state says otherwise.
func stateHere() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		dir = `C:\ProgramData`
	}
	return dir + `\sockeye`
}
