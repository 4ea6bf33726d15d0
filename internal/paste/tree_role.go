package paste

import (
	"path"
	"strings"

	"sockeye/internal/paste/settings"
)

// role is what a file of a tree is good for, by its name; of too many, the higher
// ones are read.
type role uint8

const (
	roleNone    role = iota
	roleUnknown      // its name says nothing; what it begins with may
	roleLog          // lines for whoever looks for error messages
	roleConf         // settings as they are meant to be
	roleValue        // proc/sys: the file's name is the setting's
	roleTable        // anything that a program printed
)

// roleOf knows files by the names that sosreport, people and /proc give them.
func roleOf(name string) role {
	name = inMachine(name)
	base := strings.ToLower(path.Base(name))
	base, archive := unpackedName(base)
	switch {
	case base == "." || base == "/":
		return roleNone
	case strings.Contains(name, "ip_netns_exec") || strings.Contains(name, "/namespaces/"):
		return roleNone // of another network namespace (see Session.tree)
	case strings.HasPrefix(name, "proc/sys/"):
		return roleValue
	case strings.HasPrefix(name, "proc/"):
		return roleOfProc(name)
	case name == "etc/sysctl.conf", strings.Contains(name, "sysctl.d/") && strings.HasSuffix(base, ".conf"):
		return roleConf
	case name == "etc/hostname":
		return roleTable
	case strings.HasPrefix(name, "etc/"), strings.HasPrefix(name, "usr/"), strings.HasPrefix(name, "sys/"), strings.HasPrefix(name, "lib/"), strings.HasPrefix(name, "boot/"):
		return roleNone
	}
	if archive {
		return roleLog
	}
	if notText(base) || strings.HasSuffix(base, ".conf") && !strings.Contains(base, "sysctl") {
		return roleNone
	}
	for _, part := range []string{"netstat", "ss_-", "lsof", "sysctl", "nstat", "conntrack", "tcpview", "tcpvcon", "cports", "currports", "sockstat", "netsh",
		"dynamicport", "excludedport", "ulimit", "limits", "uname", "uptime", "hostname", "sw_vers", "systeminfo", "ip_neigh", "ip_-s_-s_neigh",
		"tasklist", "nettcp", "registry", "tcpip", "proc_net", "file-nr", "file_nr"} {
		if strings.Contains(base, part) {
			return roleTable
		}
	}
	stem, _, _ := strings.Cut(base, ".")
	switch stem {
	case "ss", "tcp", "tcp6", "ps", "snmp", "ver":
		return roleTable
	}
	if strings.HasPrefix(base, "ss_") || strings.HasPrefix(base, "ss-") || strings.HasPrefix(base, "ps_") {
		return roleTable
	}
	if strings.HasPrefix(name, "var/log/") || strings.HasSuffix(base, ".log") || strings.HasSuffix(base, ".out") ||
		stem == "dmesg" || stem == "messages" || stem == "syslog" || strings.HasPrefix(base, "dmesg") || strings.HasPrefix(base, "journalctl") {
		return roleLog
	}
	return roleUnknown
}

// unpackedName is the name, in lower case, without what compression puts behind it,
// and tells whether it is an archive's.
func unpackedName(base string) (name string, archive bool) {
	switch ext := path.Ext(base); ext {
	case ".gz", ".bz2", ".xz", ".zst":
		base = strings.TrimSuffix(base, ext)
	case ".tgz", ".tbz", ".tbz2", ".txz", ".zip", ".tar", ".7z":
		return base, true
	}
	return base, strings.HasSuffix(base, ".tar")
}

// roleOfProc: tables of the machine, and of processes their limits and names.
// Each process's net folder is of its own namespace; only the reader's own counts.
func roleOfProc(name string) role {
	switch strings.TrimPrefix(name, "proc/") {
	case "net/tcp", "net/tcp6", "net/sockstat", "net/sockstat6", "net/snmp", "net/snmp6", "net/netstat", "net/nf_conntrack", "net/ip_conntrack",
		"net/stat/nf_conntrack", "net/stat/arp_cache", "net/stat/ndisc_cache", "version", "uptime":
		return roleTable
	}
	pid, file, _ := strings.Cut(strings.TrimPrefix(name, "proc/"), "/")
	if settings.LeadingPID(pid) > 0 && (file == "limits" || file == "comm") {
		return roleTable
	}
	return roleNone
}

// inMachine cuts what stands before the machine's own root: the folder that
// sosreport and tar make ("sosreport-web-1-2026-11-22-abcdefg/proc/net/tcp").
func inMachine(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	for _, root := range []string{"proc/", "etc/", "sos_commands/", "var/log/", "usr/"} {
		if at := strings.Index("/"+name, "/"+root); at >= 0 && strings.Count(name[:at], "/") < 4 {
			return name[at:]
		}
	}
	return name
}
