package netstat

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// owner notes that a process holds a socket; nothing is allocated when it is
// known already. It returns the pid, 0 when there is no room for it.
func owner(b *form.Builder, pid int32, name []byte) int32 {
	if pid <= 0 {
		return 0
	}
	p := b.Processes[pid]
	if p == nil && len(b.Processes) >= form.ProcessesMost {
		b.Cannot("paste-owners-hidden", "")
		return 0
	}
	if p == nil || (len(name) > 0 && p.Name != string(name)) {
		b.Process(pid, string(name))
	}
	return pid
}

// ownsUDP counts a UDP socket, of a process where one is told.
func ownsUDP(b *form.Builder, pid int32) {
	b.UDP++
	if p := b.Processes[pid]; p != nil {
		p.UDP = max(p.UDP, 0) + 1
	}
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
