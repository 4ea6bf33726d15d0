package diagnose

import (
	"cmp"
	"maps"
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

// ownMemory are programs that run from memory for good reasons: container
// runtimes start themselves anew from there.
var ownMemory = []string{"/memfd:runc_cloned:", "/memfd:crun_cloned:"}

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
	for _, pid := range slices.Sorted(maps.Keys(bad)) {
		s := bad[pid]
		if len(s.socks) == 0 {
			continue
		}
		first := x.program(pid)
		if byProgram[first] == nil {
			c := *s
			c.socks = nil
			byProgram[first] = &c
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
	signs    []string // keys of the evidence, plainest first
	known    string   // what it imitates
	severity Severity
	socks    []*tcp.Socket
}

func (x *examination) suspected(s *suspect) *found {
	// Running from memory is odd, and some sandboxes do it: what it does besides counts.
	if s.signs[0] == "memory" && len(s.signs) > 1 && slices.ContainsFunc(s.socks, outside) {
		s.severity = Warning
	}
	f := &found{id: "suspicious-process", severity: s.severity, certainty: Possible, ns: s.p.NetNS}
	if s.severity == Warning {
		f.certainty = Likely
	}
	f.blamed = x.blame(s.socks)
	f.dests = destinations(only(s.socks, func(sk *tcp.Socket) bool { return sk.State.Connected() }))
	f.values = knowledge.Values{Count: uint64(len(s.socks)), PID: s.p.PID, Path: host.Printable(s.p.Exe), Known: host.Printable(s.known), Value: s.signs[0]}
	source := "/proc/PID/exe"
	if x.pasted() {
		source = x.socketSource()
	}
	for _, key := range s.signs {
		f.facts = append(f.facts, fact{key: key, value: 1, source: source})
	}
	if s.p.ExeDeleted {
		f.facts = append(f.facts, fact{key: "deleted", value: 1, source: source})
	}
	f.facts = append(f.facts, fact{key: "sockets", value: float64(len(s.socks)), source: x.socketSource()})
	if n := len(f.dests); n > 0 {
		v := f.values
		v.Known, v.Other = remoteEnds(f.dests), uint64(max(n-remotesTold, 0))
		f.facts = append(f.facts, fact{key: "remotes", value: float64(n), source: x.socketSource(), values: &v})
	}
	if strings.HasSuffix(strings.ToLower(s.p.Name), ".exe") {
		f.cures = []string{"examine-program-windows"}
	} else {
		f.cures = []string{"examine-program"}
	}
	return f
}

// remotesTold is how many remote ends the evidence names.
const remotesTold = 3

func remoteEnds(dests []Destination) string {
	ends := make([]string, 0, remotesTold)
	for _, d := range dests[:min(len(dests), remotesTold)] {
		ends = append(ends, destString(d))
	}
	return strings.Join(ends, ", ")
}

// outside reports whether a socket is connected to a machine of another network.
func outside(sk *tcp.Socket) bool {
	a := sk.Remote.Addr().Unmap()
	return sk.State.Connected() && a.IsGlobalUnicast() && !a.IsPrivate()
}

// judge says what is odd about a process, nil when nothing is. A deleted file
// alone is what every upgrade leaves behind.
func judge(p *host.Process) *suspect {
	exe := p.Exe
	name := p.Name
	if len(p.Cmdline) > 0 && strings.HasPrefix(p.Cmdline[0], "[") && strings.HasSuffix(p.Cmdline[0], "]") {
		name = strings.Trim(p.Cmdline[0], "[]")
	}
	poses := imitated(name, exe)
	sus := &suspect{p: p, known: poses, severity: Notice}
	memory := strings.HasPrefix(exe, "/memfd:")
	switch {
	case exe != "" && slices.ContainsFunc(kernelThreads, func(k string) bool { return strings.HasPrefix(name, k) }):
		// One that is both would tell of two names; that of the kernel's is the plainer.
		sus.signs, sus.known, sus.severity, poses = []string{"kernel-thread"}, name, Warning, ""
		if memory {
			sus.signs = append(sus.signs, "memory")
		}
	case memory && hasPrefix(exe, ownMemory):
		return nil
	case memory:
		sus.signs = []string{"memory"}
	case inTemporary(exe) && (p.ExeDeleted || poses != ""):
		sus.signs, sus.severity = []string{"temporary"}, Warning
	case inTemporary(exe) && inShared(exe):
		sus.signs = []string{"temporary"}
	case poses != "" && p.ExeDeleted && !installed(exe):
		sus.severity = Warning
	case poses != "" && !installed(exe) && len(poses) > shortName:
	default:
		return judgeWindows(p)
	}
	if poses != "" {
		sus.signs = append(sus.signs, "poses")
	}
	return sus
}

func hasPrefix(s string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return strings.HasPrefix(s, p) })
}

// inShared reports whether a file lies directly in a temporary folder that
// everybody writes to. Tools unpack and build in folders of their own below it.
func inShared(exe string) bool {
	for _, dir := range temporary {
		if rest, ok := strings.CutPrefix(exe, dir); ok {
			return !strings.Contains(rest, "/")
		}
	}
	return true // on Windows the folder is one user's
}

func inTemporary(exe string) bool {
	if low := strings.ToLower(exe); strings.Contains(low, `\appdata\local\temp\`) || strings.Contains(low, `\windows\temp\`) {
		return !strings.Contains(low, `\go-build`)
	}
	return hasPrefix(exe, temporary) && !hasPrefix(exe, builtHere)
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
		return &suspect{p: p, signs: []string{"wrong-place"}, known: name, severity: Warning}
	}
	for _, own := range slices.Sorted(maps.Keys(windowsOwn)) {
		if nearly(strings.TrimSuffix(name, ".exe"), strings.TrimSuffix(own, ".exe")) {
			return &suspect{p: p, signs: []string{"imitates"}, known: own, severity: Notice}
		}
	}
	return nil
}
