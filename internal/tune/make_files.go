package tune

import (
	"fmt"
	"slices"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
)

const (
	fileMaxName = "fs.file-max"
	nrOpenName  = "fs.nr_open"

	fileBytes  = 1 << 10 // an open file with its inode and directory entry, as the kernel reckons (fs/file_table.c files_maxfiles_init, v6.18)
	filesLeast = 65536   // of one process
	filesMost  = 1 << 30
)

// files plans the limits of open files: the machine's here, a process's by hand.
func (m *maker) files() {
	if w := m.want("file-table-full", diagnose.Warning); w != nil {
		m.fileMax(w)
	}
	if w := m.want("fd-exhaustion", diagnose.Warning); w != nil {
		m.descriptors(w)
	}
}

func (m *maker) fileMax(w *want) {
	now, ok := m.number(fileMaxName)
	if !ok || now < 0 {
		m.left(fileMaxName, "unknown", Values{})
		return
	}
	used := m.in.Snapshot.System.FilesOpen.Value
	need := 2 * used
	if w.asIf {
		need = max(need, m.total()/5/fileBytes) // twice what the kernel takes by itself
	}
	need = m.within(need, uint64(now), 4, fileBytes)
	m.raise(w, fileMaxName, need, Change{Reason: "file-max", Values: Values{Need: used, Memory: need * fileBytes}})
}

// leaks are findings that say of a program that it does not close.
var leaks = []string{"close-wait-leak", "connection-leak", "unconnected-socket-leak", "fin-wait-2-held"}

// descriptors plans LimitNOFILE of the units whose processes run out, and
// fs.nr_open where that is what holds the limit down.
func (m *maker) descriptors(w *want) {
	most, known := m.number(nrOpenName)
	for _, f := range w.found {
		if len(f.Culprits) == 0 {
			continue
		}
		c := f.Culprits[0]
		p := m.in.Snapshot.Processes[c.PID]
		if p == nil || p.FDLimit == nil {
			continue
		}
		now := *p.FDLimit
		leaking := m.leaking(c.PID)
		need := min(max(2*min(now, filesMost), filesLeast), filesMost)
		if known && most > 0 && need > uint64(most) {
			if now < uint64(most) {
				need = uint64(most)
			} else if !leaking {
				m.raise(w, nrOpenName, need, Change{Reason: "nr-open", Values: Values{Need: now}})
			}
		}
		if need > now {
			m.firstAid(w, p, now, need)
		}
		if leaking || p.Container != nil || ofUser(p) {
			continue // a lasting limit would only last a little longer; a unit in a container is not this machine's
		}
		unit := string(c.Unit)
		if need <= now || !isService(unit) || m.planned(unit) {
			continue
		}
		soft, hard := m.limitsOf(unit)
		if need = max(need, soft); need > filesMost {
			continue
		}
		m.plan.ByHand = append(m.plan.ByHand, Change{Kind: Systemd, Setting: limitNOFILE, Scope: Host, From: fmt.Sprint(now), To: fmt.Sprint(need),
			Finding: w.id, Reason: "limit-nofile", Values: Values{Need: need, Capacity: now, Unit: unit, Hard: max(hard, p.FDHard)}})
	}
	if len(w.found) == 0 { // nobody to name: the command for whoever it will be
		m.firstAid(w, &host.Process{}, 0, filesLeast)
	}
	m.left(nrOpenName, "nr-open-calm", Values{})
}

// firstAid is a higher limit for a process that runs, pid 0 for any.
func (m *maker) firstAid(w *want, p *host.Process, now, to uint64) {
	c := Change{Kind: Prlimit, Setting: "RLIMIT_NOFILE", Scope: Host, To: fmt.Sprint(to), Finding: w.id, Reason: "prlimit", Values: Values{Need: to, Capacity: now, PID: p.PID, Hard: p.FDHard}}
	if now > 0 {
		c.From = fmt.Sprint(now)
	}
	m.plan.ByHand = append(m.plan.ByHand, c)
}

// planned reports whether the limit of a unit is planned already, for another of
// its processes.
func (m *maker) planned(unit string) bool {
	return slices.ContainsFunc(m.plan.ByHand, func(c Change) bool { return c.Kind == Systemd && c.Values.Unit == unit })
}

// ofUser reports whether a process runs below a user's own systemd (user@UID.service):
// its unit may have the name of one of the system's, whose drop-in says nothing to it.
func ofUser(p *host.Process) bool { return strings.Contains(p.Cgroup, "/user@") }

// limitsOf are the highest limits of descriptors that processes of a unit of the
// system have, soft and hard: what is planned for the unit must not be less, for
// the one that ran out may have lowered its own.
func (m *maker) limitsOf(unit string) (soft, hard uint64) {
	for _, p := range m.in.Snapshot.Processes {
		if p == nil || p.Unit != unit || p.Container != nil || ofUser(p) {
			continue
		}
		if p.FDLimit != nil {
			soft = max(soft, *p.FDLimit)
		}
		hard = max(hard, p.FDHard)
	}
	return soft, hard
}

// leaking reports whether a finding blames a process for not closing.
func (m *maker) leaking(pid int32) bool {
	return slices.ContainsFunc(m.in.Report.Findings, func(f diagnose.Finding) bool {
		return slices.Contains(leaks, f.ID) && slices.ContainsFunc(f.Culprits, func(c diagnose.Culprit) bool { return c.PID == pid })
	})
}

// unitMost bounds a unit's name, in bytes. systemd takes 255 (systemd.unit(5)), as
// many as a file's name may have (NAME_MAX); the directory of its drop-ins is longer.
const unitMost = 240

// isService reports whether a name is that of a service of the system, one that
// systemd would take (systemd.unit(5)) and that may stand in a path and a command.
func isService(unit string) bool {
	return strings.HasSuffix(unit, ".service") && len(unit) <= unitMost && !strings.HasPrefix(unit, "user@") && !strings.HasPrefix(unit, "-") && !strings.HasPrefix(unit, ".") && strings.IndexFunc(unit, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(":-_.@", r)
	}) < 0
}
