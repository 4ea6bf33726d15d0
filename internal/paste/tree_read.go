package paste

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"
)

// role is what a file of a tree is good for, by its name; of too many, the higher
// ones are read.
type role uint8

const (
	roleNone  role = iota
	roleLog        // lines for whoever looks for error messages
	roleConf       // settings as they are meant to be
	roleValue      // proc/sys: the file's name is the setting's
	roleTable      // anything that a program printed
)

// roleOf knows files by the names that sosreport, people and /proc give them.
func roleOf(name string) role {
	name = inMachine(name)
	base := strings.ToLower(path.Base(name))
	switch {
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
	return roleNone
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
	if leadingPID(pid) > 0 && (file == "limits" || file == "comm") {
		return roleTable
	}
	return roleNone
}

// inMachine cuts what stands before the machine's own root: the folder that
// sosreport and tar make ("sosreport-web-1-2026-11-22-abcdefg/proc/net/tcp").
func inMachine(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	for _, root := range []string{"proc/", "etc/", "sos_commands/", "var/log/"} {
		if at := strings.Index("/"+name, "/"+root); at >= 0 && strings.Count(name[:at], "/") < 4 {
			return name[at:]
		}
	}
	return name
}

// tree reads the files of one machine.
func (s *Session) tree(ctx context.Context, files tree, progress func(int64)) error {
	names, cut, err := chosen(files)
	if err != nil {
		return err
	}
	t := &treeReader{session: s, progress: progress}
	b := s.pass.builder
	err = files(func(name string, size int64, from io.Reader) error {
		if strings.Contains(name, "ip_netns_exec") {
			b.cannot("paste-one-namespace", "")
		}
		if !names[name] {
			return nil
		}
		if t.bytes >= treeBytes {
			cut = true
			return errEnough
		}
		err := t.file(ctx, name, size, from)
		if closer, ok := from.(io.Closer); ok {
			_ = closer.Close() // it was only read
		}
		return err
	})
	if errors.Is(err, ErrArchive) && t.session.lines > 0 { // what came before the damage is worth having
		cut = true
	} else if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if cut {
		b.cannot("paste-tree-cut", "")
	}
	return nil
}

// treeReader reads the files of one machine.
type treeReader struct {
	session  *Session
	progress func(int64)
	bytes    int64
}

// file reads one. What cannot be read is a blind spot; the rest is worth having.
func (t *treeReader) file(ctx context.Context, name string, size int64, from io.Reader) error {
	before := t.bytes
	from = &counting{from: from, n: &t.bytes}
	local, p := inMachine(name), t.session.pass
	b := p.builder
	p.name = name
	b.heard(nil)
	b.command("cat /" + local)
	b.configuration = roleOf(name) == roleConf
	switch {
	case roleOf(name) == roleValue:
		t.value(local, from)
		return ctx.Err()
	case strings.HasSuffix(local, "/comm"):
		head, err := io.ReadAll(io.LimitReader(from, 64))
		if pid := leadingPID(strings.TrimPrefix(local, "proc/")); err == nil && pid > 0 {
			b.process(pid, strings.TrimSpace(string(head)))
		}
		return ctx.Err()
	case local == "proc/uptime":
		p.begin(&values{items: []valueOf{{kind: valueUptime}}}, "uptime", 1)
	case path.Base(local) == "hostname":
		p.begin(&values{items: []valueOf{{kind: valueHostName}}}, "hostname", 1)
	}
	progress := t.progress
	if progress != nil {
		progress = func(n int64) { t.progress(before + n) }
	}
	err := t.session.Read(ctx, from, name, size, progress)
	if p.open != nil {
		p.finish()
	}
	if err != nil && ctx.Err() == nil {
		b.cannot("paste-file-unreadable", name)
		return nil
	}
	return err
}

// value reads a file under proc/sys: its name is the setting's. All of them are
// one part.
func (t *treeReader) value(local string, from io.Reader) {
	head, err := io.ReadAll(io.LimitReader(from, 4096))
	if err != nil {
		return
	}
	const kind = "proc/sys: system settings"
	t.session.lines++
	p := t.session.pass
	p.builder.keepSetting(sysctlName([]byte("/"+local)), string(head), false)
	if n := len(p.parts); n > 0 && p.parts[n-1].Kind == kind {
		p.parts[n-1].Rows++
		p.parts[n-1].Last++
		return
	}
	p.parts = append(p.parts, Part{Kind: kind, First: 1, Last: 1, Rows: 1})
}

// counting counts what is read.
type counting struct {
	from io.Reader
	n    *int64
}

func (c *counting) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	*c.n += int64(n)
	return n, err
}
