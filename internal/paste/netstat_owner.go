package paste

import (
	"bytes"
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// processesMost is how many processes a table may have: Linux counts no further
// (PID_MAX_LIMIT, include/linux/threads.h, v6.18, is 4 million), a machine that
// people paste from has thousands.
const processesMost = 1 << 18

// owner notes that a process holds a socket; nothing is allocated when it is
// known already. It returns the pid, 0 when there is no room for it.
func owner(b *builder, pid int32, name []byte) int32 {
	if pid <= 0 {
		return 0
	}
	p := b.processes[pid]
	if p == nil && len(b.processes) >= processesMost {
		b.cannot("paste-owners-hidden", "")
		return 0
	}
	if p == nil || (len(name) > 0 && p.Name != string(name)) {
		b.process(pid, string(name))
	}
	return pid
}

// ownsUDP counts a UDP socket, of a process where one is told.
func ownsUDP(b *builder, pid int32) {
	b.udp++
	if p := b.processes[pid]; p != nil {
		p.UDP = max(p.UDP, 0) + 1
	}
}

// ownedState is what texts count that tell owners and list no sockets.
type ownedState struct {
	pid   int32
	state tcp.State
}

// countOwner counts one socket more of a process.
func (b *builder) countOwner(what ownedState) {
	if b.owning == nil {
		b.owning = map[ownedState]uint64{}
	}
	if _, known := b.owning[what]; known || len(b.owning) < processesMost {
		b.owning[what]++
	}
}

func (b *builder) countedOwners() (all []host.CountedOwner) {
	for what, n := range b.owning {
		all = append(all, host.CountedOwner{PID: what.pid, State: what.state, Count: n})
	}
	slices.SortFunc(all, func(x, y host.CountedOwner) int {
		return cmp.Or(cmp.Compare(x.PID, y.PID), cmp.Compare(x.State, y.State))
	})
	return all
}

// ownersComplaint: net-tools says, before the table, that it may not see the
// processes of others. In every language it is a whole line in brackets, or its
// first half.
func ownersComplaint(line []byte) bool {
	line = bytes.TrimSpace(line)
	if len(line) < 20 || len(line) > 400 {
		return false
	}
	for _, words := range ownersComplaints {
		if bytes.Contains(line, []byte(words)) {
			return true
		}
	}
	return false
}

// The beginnings of that sentence in the translations of net-tools (po/*.po).
var ownersComplaints = []string{
	"Not all processes could be identified", "No info could be read for \"-p\"", "nicht alle Prozesse identifiziert",
	"Tous les processus ne peuvent", "No todos los procesos pueden", "Nem todos os ",
	"并非所有进程都能被检测到", "並非所有", "一部のプロセスが識別", "Všechny procesy nemohly", "Mõnesid protsesse ei saanud",
	"Non tutti i processi", "Не все процессы", "Niet alle processen", "Nie wszystkie procesy",
}
