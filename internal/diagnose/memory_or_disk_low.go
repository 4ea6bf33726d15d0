package diagnose

import (
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// Memory that is still available (MemAvailable counts caches that can be freed)
// as a share of all: below memoryNear with swap nearly gone programs are about
// to be ended by the kernel, below memoryGone they are being.
const (
	memoryNear = 0.05
	memoryGone = 0.02
	swapGone   = 0.10
)

// A disk stops programs when its last bytes go, not at a percentage: 5 % of 10
// TB is plenty. It is told from diskNear on when less than diskRoom is left, as
// critical when less than diskGone is. Small file systems are made to be full.
const (
	diskNear  = 0.95
	diskRoom  = 1 << 30
	diskGone  = 64 << 20
	diskSmall = 128 << 20
	// Of the inodes the last hundredth is the same.
	inodesNear = 0.99
)

// memoryOrDiskLow: no connection fault, but one that looks like it: programs
// that cannot write or allocate stop answering.
func memoryOrDiskLow(x *examination) []*found {
	f := &found{id: "memory-or-disk-low", wide: true, certainty: Possible}
	raise := func(s Severity, v knowledge.Values) {
		if s.rank() > f.severity.rank() {
			f.severity, f.values = s, v
		}
	}
	memoryLow(&x.now.System.Memory, f, raise)
	for i := range x.now.System.Disks {
		diskLow(&x.now.System.Disks[i], f, raise)
	}
	if f.severity == "" {
		return nil
	}
	if f.severity == Critical {
		f.certainty = Proven
	}
	return []*found{f}
}

func memoryLow(m *host.Memory, f *found, raise func(Severity, knowledge.Values)) {
	if !m.Total.Known || !m.Available.Known || m.Total.Value == 0 {
		return
	}
	free := float64(m.Available.Value) / float64(m.Total.Value)
	swapped := !m.SwapTotal.Known || m.SwapTotal.Value == 0 ||
		float64(m.SwapFree.Value) < swapGone*float64(m.SwapTotal.Value)
	if free >= memoryNear || !swapped {
		return
	}
	v := knowledge.Values{Count: m.Available.Value, Capacity: m.Total.Value, Share: 1 - free}
	f.facts = append(f.facts, fact{key: "memory", value: float64(m.Available.Value), source: "/proc/meminfo", values: &v})
	if m.SwapTotal.Known && m.SwapTotal.Value > 0 {
		w := v
		w.Count, w.Capacity = m.SwapFree.Value, m.SwapTotal.Value
		f.facts = append(f.facts, fact{key: "swap", value: float64(m.SwapFree.Value), source: "/proc/meminfo", values: &w})
	}
	f.cures = append(f.cures, "free-memory")
	if free < memoryGone {
		raise(Critical, v)
	} else {
		raise(Warning, v)
	}
}

func diskLow(d *host.Disk, f *found, raise func(Severity, knowledge.Values)) {
	// Nothing that runs writes there.
	if d.Size < diskSmall || d.Mount == "/boot" || strings.HasPrefix(d.Mount, "/boot/") || d.Mount == "/efi" {
		return
	}
	v := knowledge.Values{Path: host.Printable(d.Mount), Count: d.Free, Capacity: d.Size,
		Share: 1 - float64(min(d.Free, d.Size))/float64(d.Size)}
	full := v.Share >= diskNear && d.Free < diskRoom
	w := v
	w.Count, w.Capacity = d.InodesOK, d.Inodes
	noInodes := d.Inodes > 0 && float64(d.Inodes-min(d.InodesOK, d.Inodes)) >= inodesNear*float64(d.Inodes)
	if full {
		f.facts = append(f.facts, fact{key: "disk", value: float64(d.Free), source: "statfs", values: &v})
		if d.Free < diskGone {
			raise(Critical, v)
		} else {
			raise(Warning, v)
		}
	}
	if noInodes {
		f.facts = append(f.facts, fact{key: "inodes", value: float64(d.InodesOK), source: "statfs", values: &w})
		if d.InodesOK == 0 {
			raise(Critical, v)
		} else {
			raise(Warning, v)
		}
	}
	if (full || noInodes) && (len(f.cures) == 0 || f.cures[len(f.cures)-1] != "free-disk") {
		f.cures = append(f.cures, "free-disk")
	}
}
