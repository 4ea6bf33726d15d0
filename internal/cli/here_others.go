//go:build !windows

package cli

import (
	"context"
	"strconv"

	"sockeye/internal/act"
	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// here is the key of the words that fit this system.
func here(key string) string { return key }

// inspectHere describes a process for kill.
func inspectHere(pid int32) (*host.Process, []host.BlindSpot) { return collect.Inspect(pid) }

// socketsUnread: kill does without a table of sockets where it is given a number.
const socketsUnread = false

// numbersOnly refuses a filter where nobody reads who holds a socket.
func numbersOnly(*knowledge.Book) error { return nil }

// forceOnly refuses to end a process without --force where nothing else ends it.
func forceOnly(*knowledge.Book, bool, []*host.Process) error { return nil }

// endAll ends processes as this system can.
func endAll(ctx context.Context, k *act.Killer, asked string, list []*host.Process) (uint64, []act.Result, error) {
	return k.Kill(ctx, asked, list)
}

// serviceHere tells of the services of a process where a unit is none of systemd's.
func serviceHere(*knowledge.Book, *host.Process) string { return "" }

// userNumber stands for a user whose name is unknown.
func userNumber(uid uint32) string { return strconv.FormatUint(uint64(uid), 10) }

// stateHere is where the ledger is unless --state says otherwise, as the File
// Hierarchy Standard has it.
func stateHere() string { return "/var/lib/sockeye" }
