package form

import (
	"strings"

	"sockeye/internal/host"
)

// SettingsMax bounds what hostile text can fill a map with; a real kernel has
// about a thousand, without those of every interface.
const SettingsMax = 10_000

// KeepSetting keeps what sysctl says, and understands the names that are no
// settings but facts. weak: from a configuration file; it does not replace what
// the system says of itself.
func (b *Builder) KeepSetting(name, value string, weak bool) {
	value = strings.TrimSpace(value)
	if len(name) > 160 || len(value) > 4096 || ofAnInterface(name) || b.fact(name, value) {
		return
	}
	switch name {
	case "net.ipv4.netfilter.ip_conntrack_max", "net.ipv4.ip_conntrack_max", "net.nf_conntrack_max":
		name = "net.netfilter.nf_conntrack_max"
	}
	_, had := b.NS.Settings[name]
	if weak && had || !had && len(b.NS.Settings) >= SettingsMax {
		return
	}
	if strings.HasPrefix(name, "net.ipv4.") {
		b.OS("linux")
	}
	b.Setting(name, value)
}

// ofAnInterface: of the settings that every interface has, only those that new
// and all interfaces have are of use. A router has a hundred thousand others.
func ofAnInterface(name string) bool {
	for _, table := range []string{"net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh.", "dev."} {
		if rest, ok := strings.CutPrefix(name, table); ok {
			return !strings.HasPrefix(rest, "all.") && !strings.HasPrefix(rest, "default.")
		}
	}
	return false
}

// fact keeps what sysctl tells that is no setting; true when it was one.
func (b *Builder) fact(name, value string) bool {
	switch name {
	case "fs.file-nr":
		f := strings.Fields(value)
		if len(f) != 3 {
			return true
		}
		used, ok1 := Decimal([]byte(f[0]))
		free, ok2 := Decimal([]byte(f[1]))
		if _, ok := Decimal([]byte(f[2])); ok && ok1 && ok2 && free <= used {
			b.System.FilesOpen = host.Some(used - free)
			b.KeepSetting("fs.file-max", f[2], true)
		}
		return true
	case "net.netfilter.nf_conntrack_count", "net.ipv4.netfilter.ip_conntrack_count":
		if n, ok := Decimal([]byte(value)); ok {
			b.ConntrackIs(host.Some(n))
		}
		return true
	case "kernel.hostname", "kern.hostname":
		b.MachineName(value)
		return true
	case "kernel.osrelease", "kern.osrelease":
		if b.Machine.Kernel == "" && len(value) < 100 {
			b.Machine.Kernel = strings.Clone(value)
		}
		return true
	case "kernel.ostype", "kern.ostype":
		if os, ok := OSOf(value); ok {
			b.OS(os)
		}
		return true
	case "kern.version":
		word, _, _ := strings.Cut(value, " ")
		if os, ok := OSOf(word); ok {
			b.OS(os)
		}
		return true
	}
	return false
}

// MachineName keeps the machine's name; the first one is believed.
func (b *Builder) MachineName(name string) {
	b.Hosts.name(name)
	if b.Machine.Name == "" && name != "" && len(name) < 254 && name != "(none)" && name != "localhost" {
		b.Machine.Name = strings.Clone(name)
	}
}

// OSOf translates what uname -s prints to Go's names of systems.
func OSOf(kernel string) (os string, ok bool) {
	switch kernel {
	case "Linux":
		return "linux", true
	case "Darwin":
		return "darwin", true
	case "FreeBSD", "OpenBSD", "NetBSD", "DragonFly", "AIX":
		return strings.ToLower(kernel), true
	case "SunOS":
		return "solaris", true
	}
	if strings.HasPrefix(kernel, "CYGWIN_NT") || strings.HasPrefix(kernel, "MINGW") || strings.HasPrefix(kernel, "MSYS_NT") || kernel == "Windows_NT" {
		return "windows", true
	}
	return "", false
}

// hostWide: what the kernel has once, whatever the namespaces.
func hostWide(name string) bool {
	switch name {
	case "net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog":
		return true
	}
	return strings.HasPrefix(name, "fs.") || strings.HasPrefix(name, "net.ipv4.neigh.") || strings.HasPrefix(name, "net.ipv6.neigh.")
}

// ConntrackIs keeps the kernel's own count of entries.
func (b *Builder) ConntrackIs(entries host.Opt) {
	if entries.Known {
		b.NS.ConntrackCount, b.ConntrackExact = entries, true
	}
}

// ReplaceIfKnown replaces a number when there is one.
func ReplaceIfKnown(old *host.Opt, now host.Opt) {
	if now.Known {
		*old = now
	}
}

// KeepCounter is Counter with a bound: hostile text has names without end.
func (b *Builder) KeepCounter(name string, value uint64) {
	if len(b.NS.Counters) < 4096 && len(name) < 80 {
		b.Counter(name, value)
	}
}

// Neighbours keeps what is known of a neighbour table; unknown numbers leave what
// another text told.
func (b *Builder) Neighbours(family string, entries, full host.Opt) {
	for i := range b.System.Neighbours {
		if t := &b.System.Neighbours[i]; t.Family == family {
			ReplaceIfKnown(&t.Entries, entries)
			ReplaceIfKnown(&t.Full, full)
			return
		}
	}
	b.System.Neighbours = append(b.System.Neighbours, host.NeighbourTable{Family: family, Entries: entries, Full: full})
}
