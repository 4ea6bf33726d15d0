package diagnose

import (
	"cmp"
	"slices"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// temporary are folders that anybody may write to and that programs are not
// installed in. Compilers and test runners build there: builtHere are theirs.
var (
	temporary = []string{"/tmp/", "/var/tmp/", "/dev/shm/"}
	builtHere = []string{"/tmp/go-build", "/tmp/___go_build", "/tmp/GoLand/", "/tmp/.mount_", "/tmp/_MEI", "/tmp/bazel", "/tmp/cargo-install", "/tmp/snap-private-tmp/"}
)

// kernelThreads are names that only the kernel's own threads bear; those have no
// executable and hold no connections.
var kernelThreads = []string{"kworker/", "ksoftirqd/", "kthreadd", "migration/", "rcu_sched", "kswapd", "kdevtmpfs", "khungtaskd", "jbd2/", "scsi_eh_"}

// windowsOwn are programs of Windows by name, and the folders they live in.
var windowsOwn = map[string][]string{
	"svchost.exe": {`\windows\system32\`, `\windows\syswow64\`}, "lsass.exe": {`\windows\system32\`},
	"csrss.exe": {`\windows\system32\`}, "services.exe": {`\windows\system32\`}, "winlogon.exe": {`\windows\system32\`},
	"smss.exe": {`\windows\system32\`}, "spoolsv.exe": {`\windows\system32\`}, "explorer.exe": {`\windows\`},
	"iexplore.exe": {`\internet explorer\`},
}

// suspiciousProcess: a program with connections that hides what it is. It is no
// proof of evil: the finding says what to look at.
func suspiciousProcess(x *examination) []*found {
	bad := map[int32]*suspect{}
	for pid, p := range x.now.Processes {
		if s := judge(p); s != nil {
			bad[pid] = s
		}
	}
	if len(bad) == 0 {
		return nil
	}
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		for _, pid := range x.now.Owners(sk) {
			if s := bad[pid]; s != nil {
				s.socks = append(s.socks, sk)
			}
		}
	}
	byProgram := map[int32]*suspect{}
	for pid, s := range bad {
		if len(s.socks) == 0 {
			continue
		}
		first := x.program(pid)
		if byProgram[first] == nil {
			byProgram[first] = &suspect{p: s.p, key: s.key, known: s.known, severity: s.severity}
		}
		byProgram[first].socks = append(byProgram[first].socks, s.socks...)
	}
	var out []*found
	for _, s := range byProgram {
		out = append(out, x.suspected(s))
	}
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.severity.rank(), a.severity.rank()), cmp.Compare(b.values.Count, a.values.Count), cmp.Compare(a.values.PID, b.values.PID))
	})
	return out
}

type suspect struct {
	p        *host.Process
	key      string // which evidence
	known    string // what it imitates
	severity Severity
	socks    []*tcp.Socket
}

func (x *examination) suspected(s *suspect) *found {
	f := &found{id: "suspicious-process", severity: s.severity, certainty: Possible, ns: s.p.NetNS}
	if s.severity == Warning {
		f.certainty = Likely
	}
	f.blamed = x.blame(s.socks)
	f.dests = destinations(only(s.socks, func(sk *tcp.Socket) bool { return sk.State.Connected() }))
	f.values = knowledge.Values{Count: uint64(len(s.socks)), PID: s.p.PID, Path: host.Printable(s.p.Exe), Known: s.known, Value: s.key}
	f.facts = append(f.facts, fact{key: s.key, value: 1, source: "/proc/PID/exe"})
	if s.p.ExeDeleted {
		f.facts = append(f.facts, fact{key: "deleted", value: 1, source: "/proc/PID/exe"})
	}
	f.facts = append(f.facts, fact{key: "sockets", value: float64(len(s.socks)), source: x.socketSource()})
	if strings.HasSuffix(strings.ToLower(s.p.Name), ".exe") {
		f.cures = []string{"examine-program-windows"}
	} else {
		f.cures = []string{"examine-program"}
	}
	return f
}

// judge says what is odd about a process, nil when nothing is. A deleted file
// alone is what every upgrade leaves behind.
func judge(p *host.Process) *suspect {
	exe := p.Exe
	name := p.Name
	if len(p.Cmdline) > 0 && strings.HasPrefix(p.Cmdline[0], "[") && strings.HasSuffix(p.Cmdline[0], "]") {
		name = strings.Trim(p.Cmdline[0], "[]")
	}
	switch {
	case exe != "" && slices.ContainsFunc(kernelThreads, func(k string) bool { return strings.HasPrefix(name, k) }):
		return &suspect{p: p, key: "kernel-thread", known: name, severity: Warning}
	case strings.HasPrefix(exe, "/memfd:"):
		return &suspect{p: p, key: "memory", severity: Warning}
	case inTemporary(exe) && p.ExeDeleted:
		return &suspect{p: p, key: "temporary", severity: Warning}
	case inTemporary(exe):
		return &suspect{p: p, key: "temporary", severity: Notice}
	}
	return judgeWindows(p)
}

func inTemporary(exe string) bool {
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(dir string) bool { return strings.HasPrefix(exe, dir) })
	}
	if low := strings.ToLower(exe); strings.Contains(low, `\appdata\local\temp\`) || strings.Contains(low, `\windows\temp\`) {
		return !strings.Contains(low, `\go-build`)
	}
	return has(temporary) && !has(builtHere)
}

// judgeWindows looks at names of Windows programs: out of their place, or off by
// one letter ("EXPLORE.EXE", "scvhost.exe").
func judgeWindows(p *host.Process) *suspect {
	name := strings.ToLower(p.Name)
	if !strings.HasSuffix(name, ".exe") {
		return nil
	}
	if places, ok := windowsOwn[name]; ok {
		low := strings.ToLower(p.Exe)
		at := strings.LastIndexByte(low, '\\')
		if at < 0 || slices.ContainsFunc(places, func(dir string) bool { return strings.HasSuffix(low[:at+1], dir) }) {
			return nil
		}
		return &suspect{p: p, key: "wrong-place", known: name, severity: Warning}
	}
	for own := range windowsOwn {
		if nearly(strings.TrimSuffix(name, ".exe"), strings.TrimSuffix(own, ".exe")) {
			return &suspect{p: p, key: "imitates", known: own, severity: Notice}
		}
	}
	return nil
}

// nearly reports whether two names differ by one letter too many, too few,
// another, or two exchanged.
func nearly(a, b string) bool {
	if a == b || len(a) < 5 || len(a)-len(b) > 1 || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	ra, rb := a[i:], b[i:]
	switch {
	case len(ra) > len(rb):
		return ra[1:] == rb
	case len(ra) < len(rb):
		return ra == rb[1:]
	}
	return ra[1:] == rb[1:] || (len(ra) > 1 && ra[0] == rb[1] && ra[1] == rb[0] && ra[2:] == rb[2:])
}
