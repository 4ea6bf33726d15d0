package paste

import (
	"strings"

	"sockeye/internal/host"
)

// settingsMax bounds what hostile text can fill a map with; a real kernel has
// about a thousand, without those of every interface.
const settingsMax = 10_000

// keepSetting keeps what sysctl says, and understands the names that are no
// settings but facts. weak: from a configuration file; it does not replace what
// the system says of itself.
func (b *builder) keepSetting(name, value string, weak bool) {
	value = strings.TrimSpace(value)
	if len(name) > 160 || len(value) > 4096 || ofAnInterface(name) || b.fact(name, value) {
		return
	}
	switch name {
	case "net.ipv4.netfilter.ip_conntrack_max", "net.ipv4.ip_conntrack_max", "net.nf_conntrack_max":
		name = "net.netfilter.nf_conntrack_max"
	}
	_, had := b.ns.Settings[name]
	if weak && had || !had && len(b.ns.Settings) >= settingsMax {
		return
	}
	if strings.HasPrefix(name, "net.ipv4.") {
		b.os("linux")
	}
	b.setting(name, value)
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
func (b *builder) fact(name, value string) bool {
	switch name {
	case "fs.file-nr":
		f := strings.Fields(value)
		if len(f) != 3 {
			return true
		}
		used, ok1 := decimal([]byte(f[0]))
		free, ok2 := decimal([]byte(f[1]))
		if _, ok := decimal([]byte(f[2])); ok && ok1 && ok2 && free <= used {
			b.system.FilesOpen = host.Some(used - free)
			b.keepSetting("fs.file-max", f[2], true)
		}
		return true
	case "net.netfilter.nf_conntrack_count", "net.ipv4.netfilter.ip_conntrack_count":
		if n, ok := decimal([]byte(value)); ok {
			b.conntrackIs(host.Some(n))
		}
		return true
	case "kernel.hostname", "kern.hostname":
		b.machineName(value)
		return true
	case "kernel.osrelease", "kern.osrelease":
		if b.machine.Kernel == "" && len(value) < 100 {
			b.machine.Kernel = strings.Clone(value)
		}
		return true
	case "kernel.ostype", "kern.ostype":
		if os, ok := osOf(value); ok {
			b.os(os)
		}
		return true
	case "kern.version":
		word, _, _ := strings.Cut(value, " ")
		if os, ok := osOf(word); ok {
			b.os(os)
		}
		return true
	}
	return false
}

// machineName keeps the machine's name; the first one is believed.
func (b *builder) machineName(name string) {
	b.hosts.name(name)
	if b.machine.Name == "" && name != "" && len(name) < 254 && name != "(none)" && name != "localhost" {
		b.machine.Name = strings.Clone(name)
	}
}

// osOf translates what uname -s prints to Go's names of systems.
func osOf(kernel string) (os string, ok bool) {
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
