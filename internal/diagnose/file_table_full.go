package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Shares of fs.file-max. Past the limit every program without CAP_SYS_ADMIN gets
// ENFILE (fs/file_table.c alloc_empty_file, v6.18), login shells included, so it
// is told early.
const (
	fileMaxNear = 0.80
	fileMaxFull = 0.95
)

// fileTableFull: the whole machine has no open file left (file-table-full).
func fileTableFull(x *examination) []*found {
	sys := &x.now.System
	capacity, ok := sys.Settings.Int("fs.file-max")
	if !ok || capacity <= 0 || !sys.FilesOpen.Known {
		return nil
	}
	var failed uint64
	if x.seen != nil {
		for _, fl := range x.seen.Failures {
			if fl.Errno == errNFILE {
				failed += fl.Count
			}
		}
	}
	used := sys.FilesOpen.Value
	share := float64(used) / float64(capacity)
	if share < fileMaxNear && failed == 0 {
		return nil
	}
	f := &found{id: "file-table-full", wide: true, severity: Warning, certainty: Possible}
	var more uint64
	if x.before != nil {
		more = grown(x.before.System.FilesOpen.Value, used, x.before.System.FilesOpen.Known)
	}
	if share >= fileMaxFull {
		f.severity = Critical
	}
	switch {
	case used >= uint64(capacity) || failed > 0:
		f.severity, f.certainty = Critical, Proven
	case more > 0:
		f.certainty = Likely
	}
	f.values = knowledge.Values{Count: used, Capacity: uint64(capacity), Share: share, Limit: doubled(uint64(capacity))}
	f.facts = append(f.facts, fact{key: "used", value: float64(used), source: "/proc/sys/fs/file-nr"})
	if failed > 0 {
		v := f.values
		v.Other, v.Window = failed, x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(failed), source: x.seen.By, values: &v})
	}
	if more > 0 {
		v := f.values
		v.Other, v.Window = more, x.window
		f.facts = append(f.facts, fact{key: "growing", value: float64(more), source: "/proc/sys/fs/file-nr", values: &v})
	}
	for _, p := range x.mostFiles(5) {
		f.blamed = append(f.blamed, blamed{pid: p.PID, name: p.Name, ns: p.NetNS, sockets: p.Sockets,
			share: min(1, float64(*p.FDs)/float64(max(used, 1))), by: "owner"})
		v := f.values
		v.Process, v.PID, v.Other = host.Printable(p.Name), p.PID, *p.FDs
		f.facts = append(f.facts, fact{key: "holder", value: float64(*p.FDs), source: "/proc/PID/fd", values: &v})
	}
	f.cures = []string{"find-open-files", "raise-file-max"}
	return []*found{f}
}

// mostFiles returns the processes with the most open files, of those whose
// files were counted; each holds at least a hundredth of all.
func (x *examination) mostFiles(n int) []*host.Process {
	var list []*host.Process
	for _, p := range x.now.Processes {
		if p.FDs != nil && *p.FDs*100 >= x.now.System.FilesOpen.Value {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *host.Process) int {
		return cmp.Or(cmp.Compare(*b.FDs, *a.FDs), cmp.Compare(a.PID, b.PID))
	})
	return list[:min(len(list), n)]
}
