package collect

import (
	"errors"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// hostSettings are the limits of the whole machine that any namespace can read,
// initialSettings those that exist in the initial network namespace only.
var (
	hostSettings    = []string{"fs.file-max", "fs.nr_open", "kernel.pid_max"}
	initialSettings = []string{
		"net.ipv4.tcp_mem",
		"net.ipv4.tcp_max_orphans",
		"net.ipv4.neigh.default.gc_thresh1",
		"net.ipv4.neigh.default.gc_thresh2",
		"net.ipv4.neigh.default.gc_thresh3",
		"net.ipv6.neigh.default.gc_thresh1",
		"net.ipv6.neigh.default.gc_thresh2",
		"net.ipv6.neigh.default.gc_thresh3",
	}
)

// readSystem reads what all namespaces share. What it starts beside itself
// (see Disks, and a look into the initial namespace) ends in bounded time.
func readSystem(r *blindness) host.System {
	p := liveProc()
	sys := p.system(r)
	p.inInitialNetNS(func() { p.initialNetNS(&sys, r) })
	return sys
}

// system reads what any network namespace shows alike, and the conntrack
// statistics of the one that the calling thread is in.
func (p procFS) system(r *blindness) host.System {
	sys := host.System{
		Settings: p.settings(hostSettings, r),
		PageSize: uint64(os.Getpagesize()),
		Disks:    p.disks(r),
	}
	sys.FilesOpen = p.filesOpen(r)
	if data, err := p.readFile("thread-self/net/stat/nf_conntrack", 1<<20); err == nil {
		sys.Conntrack = host.ConntrackStats{
			InsertFailed: total(columns(data, "insert_failed")),
			Drop:         total(columns(data, "drop")),
			EarlyDrop:    total(columns(data, "early_drop")),
		}
	} else if !errors.Is(err, unix.ENOENT) { // absent: connection tracking is not loaded
		r.add("conntrack-unreadable", "", err)
	}

	if fs, err := p.thread(); err != nil {
		r.add("sockstat-unreadable", "", err)
	} else if stat, err := fs.NetSockstat(); err != nil {
		r.add("sockstat-unreadable", "", err)
	} else if tcp := sockstatOf(stat, "TCP"); tcp != nil {
		sys.TCPAlloc, sys.TCPOrphans, sys.TCPMemPages = optional(tcp.Alloc), optional(tcp.Orphan), optional(tcp.Mem)
	}

	if fs, err := procfs.NewFS(p.root); err != nil {
		r.add("memory-unreadable", "", err)
	} else if m, err := fs.Meminfo(); err != nil {
		r.add("memory-unreadable", "", err)
	} else {
		sys.Memory = host.Memory{
			Total: known(m.MemTotalBytes), Available: known(m.MemAvailableBytes),
			SwapTotal: known(m.SwapTotalBytes), SwapFree: known(m.SwapFreeBytes),
		}
	}
	return sys
}

func known(n *uint64) host.Opt {
	if n == nil {
		return host.Opt{}
	}
	return host.Some(*n)
}

// filesOpen reads fs.file-nr: allocated, free (0 since Linux 2.6) and maximum.
func (p procFS) filesOpen(r *blindness) host.Opt {
	text, err := readSysctl(p.root + "/sys/fs/file-nr")
	if err != nil {
		r.add("setting-unreadable", "fs.file-nr", err)
		return host.Opt{}
	}
	f := strings.Fields(text)
	if len(f) != 3 {
		r.add("setting-unreadable", "fs.file-nr", errMalformed)
		return host.Opt{}
	}
	allocated, err1 := strconv.ParseUint(f[0], 10, 64)
	free, err2 := strconv.ParseUint(f[1], 10, 64)
	if err := errors.Join(err1, err2); err != nil || free > allocated {
		r.add("setting-unreadable", "fs.file-nr", errMalformed)
		return host.Opt{}
	}
	return host.Some(allocated - free)
}

// initialNetNS reads what Linux shows in the initial network namespace only.
func (p procFS) initialNetNS(sys *host.System, r *blindness) {
	settings := p.settings(initialSettings, r)
	maps.Copy(sys.Settings, settings)
	if _, ok := settings["net.ipv4.tcp_mem"]; !ok {
		r.add("host-limits-hidden", "", unix.ENOENT)
	}
	for _, table := range []struct{ family, file string }{{"ipv4", "arp_cache"}, {"ipv6", "ndisc_cache"}} {
		data, err := p.readFile("thread-self/net/stat/"+table.file, 1<<20)
		if err != nil {
			// From inside another namespace pid 1 may still show them.
			data, err = p.readFile("1/net/stat/"+table.file, 1<<20)
		}
		switch {
		case err == nil:
			sys.Neighbours = append(sys.Neighbours, neighbourTable(table.family, data))
		case table.family == "ipv4" || !errors.Is(err, unix.ENOENT): // absent: a kernel without IPv6
			r.add("neighbours-unreadable", table.family, err)
		}
	}
}

// neighbourTable reads a table's statistics. The number of entries is that of
// the table, which all namespaces share, and stands on every CPU's line again;
// the overflows are counted for each CPU (neigh_stat_seq_show,
// net/core/neighbour.c, v6.18). table_fulls came with Linux 4.3.
func neighbourTable(family string, data []byte) host.NeighbourTable {
	t := host.NeighbourTable{Family: family, Full: total(columns(data, "table_fulls"))}
	if entries := columns(data, "entries"); len(entries) > 0 {
		t.Entries = host.Some(entries[0])
	}
	return t
}

// inInitialNetNS runs f on a thread that is in the initial network namespace, or
// where it is when that is the same one or may not be entered.
func (p procFS) inInitialNetNS(f func()) {
	own, err := readLinkAt(unix.AT_FDCWD, p.root+"/thread-self/ns/net")
	if err != nil {
		f()
		return
	}
	// Pid 1 may be guarded even from root; kernel threads, which pid 2 starts,
	// never leave that namespace. Inside a container both are its own processes.
	for _, pid := range []string{"1", "2"} {
		path := p.root + "/" + pid + "/ns/net"
		first, err := readLinkAt(unix.AT_FDCWD, path)
		if err != nil {
			continue
		}
		if first == own {
			break
		}
		fd, err := openRetry(unix.AT_FDCWD, path, unix.O_RDONLY)
		if err != nil {
			break
		}
		defer closeFD(fd)
		done := make(chan struct{})
		go func() {
			defer close(done)
			// Never unlocked: the thread ends with the goroutine, so that no other
			// goroutine finds itself in the wrong namespace.
			runtime.LockOSThread()
			_ = unix.Setns(fd, unix.CLONE_NEWNET) // refused: f sees what this namespace shows
			f()
		}()
		<-done
		return
	}
	f()
}
