package diagnose

import (
	"slices"
	"strings"
)

// daemons are programs that run on most Linux servers, whose names others borrow.
var daemons = []string{"sshd", "systemd", "systemd-journald", "systemd-logind", "systemd-resolved", "systemd-networkd",
	"systemd-udevd", "systemd-timesyncd", "cron", "crond", "rsyslogd", "syslogd", "dbus-daemon", "nginx", "apache2", "httpd",
	"dockerd", "containerd", "kubelet", "kworker", "kthreadd", "ksoftirqd", "kswapd0", "chronyd", "ntpd", "auditd", "udevd",
	"polkitd", "snapd", "agetty", "mysqld", "mariadbd", "postgres", "redis-server", "NetworkManager"}

// neighbours are programs of their own that happen to be one letter away from
// one of the daemons.
var neighbours = []string{"ssh", "sshx", "sshfs", "lshd", "rshd", "corn", "croc", "chron", "syslog", "http", "httpx", "https", "thttpd", "apache",
	"docker", "containers", "container", "worker", "chrony", "ntp", "nntpd", "xntpd", "audit", "udev", "udevil", "polkit", "snap", "snmpd",
	"getty", "mgetty", "mysql", "mysqlx", "mariadb", "postgrest", "systemctl", "kswapd", "kswapd1", "upsd", "lpd", "crony", "ftpd", "sftpd", "tftpd"}

// shortName is the length up to which a name of one other letter says nothing by
// itself: words of four letters are near to many.
const shortName = 4

// systemFolders are where installed programs lie; only root can put one there.
var systemFolders = []string{"/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/libexec/", "/bin/", "/sbin/", "/lib", "/opt/", "/nix/store/", "/gnu/store/", "/snap/"}

func installed(exe string) bool { return exe == "" || hasPrefix(exe, systemFolders) }

// imitated returns the daemon whose name is one letter away from that of a
// process or of its file, "" when there is none.
func imitated(name, exe string) string {
	name, _, _ = strings.Cut(name, "/") // kworker/0:1
	for _, n := range []string{name, exe[strings.LastIndexByte(exe, '/')+1:]} {
		if n == "" || slices.Contains(daemons, n) || slices.Contains(neighbours, n) {
			continue
		}
		for _, d := range daemons {
			// Who borrows a name keeps its beginning; ftpd is not ntpd.
			if n[0] == d[0] && oneOff(n, d) {
				return d
			}
		}
	}
	return ""
}

// nearly reports whether two names that are long enough to tell differ by one letter.
func nearly(a, b string) bool { return len(a) > shortName && oneOff(a, b) }

// oneOff reports whether two names differ by one letter too many, too few,
// another, or two exchanged.
func oneOff(a, b string) bool {
	if a == b || len(a)-len(b) > 1 || len(b)-len(a) > 1 {
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
