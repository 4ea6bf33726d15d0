package diagnose

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// sketch draws a machine by hand: one namespace (inode 1) with the settings that
// Linux 6.18 ships with, no sockets and no pressure anywhere.
type sketch struct{ *host.Snapshot }

const sketchNS = 1

func sketchOf(draw ...func(*sketch)) *host.Snapshot {
	s := &sketch{&host.Snapshot{
		Machine: host.Machine{Name: "web-1", OS: "linux", Kernel: "6.18.44", Uptime: 24 * time.Hour, InitialNetNS: sketchNS},
		TakenAt: time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC),
		Source:  host.Source{Kind: host.Live, SocketsBy: "bpf-iter", OwnersBy: "bpf-iter"},
		Namespaces: []*host.NetNS{{Inode: sketchNS, Self: true, Counters: host.Counters{
			"TcpExtListenOverflows": 900, "TcpExtListenDrops": 950, "TcpExtSyncookiesSent": 4000, "TcpExtSyncookiesRecv": 100,
			"TcpExtTCPReqQFullDrop": 0, "TcpExtTCPTimeWaitOverflow": 0, "TcpExtTCPAbortOnMemory": 3, "TcpExtTCPMemoryPressures": 2,
			"TcpExtPruneCalled": 70, "TcpExtTCPRcvCoalesce": 80000, "TcpExtTW": 100000,
		}, Settings: host.Settings{
			"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.ip_local_reserved_ports": "",
			"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_timestamps": "1", "net.ipv4.tcp_syncookies": "1",
			"net.ipv4.tcp_max_syn_backlog": "2048", "net.ipv4.tcp_abort_on_overflow": "0", "net.ipv4.tcp_fin_timeout": "60",
			"net.ipv4.tcp_max_tw_buckets": "131072", "net.ipv4.tcp_ehash_entries": "262144", "net.core.somaxconn": "4096",
			"net.ipv4.tcp_orphan_retries": "0", "net.netfilter.nf_conntrack_max": "262144",
			"net.netfilter.nf_conntrack_tcp_timeout_established": "432000",
		}, TimeWait: host.Some(0), UDPInUse: host.Some(12), ConntrackCount: host.Some(0)}},
		Processes: map[int32]*host.Process{}, Sharers: map[uint64][]int32{},
		System: host.System{PageSize: 4096, Settings: host.Settings{
			"fs.file-max": "2466170", "fs.nr_open": "1048576", "net.ipv4.tcp_max_orphans": "131072", "net.ipv4.tcp_mem": "287898 383867 575796",
			"net.ipv4.neigh.default.gc_thresh3": "1024", "net.ipv6.neigh.default.gc_thresh3": "1024",
		}, FilesOpen: host.Some(9000), TCPOrphans: host.Some(8), TCPAlloc: host.Some(500), TCPMemPages: host.Some(551),
			Neighbours: []host.NeighbourTable{{Family: "ipv4", Entries: host.Some(14), Full: host.Some(0)}, {Family: "ipv6", Entries: host.Some(3), Full: host.Some(0)}},
			Memory:     host.Memory{Total: host.Some(24 << 30), Available: host.Some(16 << 30), SwapTotal: host.Some(0), SwapFree: host.Some(0)},
			Disks:      []host.Disk{{Mount: "/", Size: 100 << 30, Free: 60 << 30, Inodes: 6 << 20, InodesOK: 5 << 20}},
		},
	}}
	for _, d := range draw {
		d(s)
	}
	return s.Snapshot
}

func (s *sketch) ns() *host.NetNS { return s.Namespaces[0] }

func drawSetting(name, value string) func(*sketch) {
	return func(s *sketch) {
		if value == "" {
			delete(s.ns().Settings, name)
			delete(s.System.Settings, name)
			return
		}
		if _, system := s.System.Settings[name]; system {
			s.System.Settings[name] = value
		} else {
			s.ns().Settings[name] = value
		}
	}
}

// drawCounted raises a counter above its value in an untouched sketch.
func drawCounted(name string, by uint64) func(*sketch) {
	return func(s *sketch) { s.ns().Counters[name] += by }
}

// drawProgram adds a process with so many descriptors open.
func drawProgram(pid int32, name string, fds, limit uint64) func(*sketch) {
	return func(s *sketch) {
		s.Processes[pid] = &host.Process{PID: pid, StartTicks: uint64(pid), Name: name, Exe: "/usr/bin/" + name, Cmdline: []string{name},
			NetNS: sketchNS, FDs: &fds, FDLimit: &limit, Runtime: host.RuntimeOf(name, "/usr/bin/"+name, nil, nil), Unit: name + ".service"}
	}
}

// drawListener adds a LISTEN socket with that many waiting, of at most backlog.
func drawListener(pid int32, addr string, waiting, backlog uint32) func(*sketch) {
	return func(s *sketch) {
		s.Sockets = append(s.Sockets, tcp.Socket{Local: netip.MustParseAddrPort(addr), State: tcp.Listen, NetNS: sketchNS,
			PID: pid, Inode: inodeFor(s), Cookie: inodeFor(s), RecvQ: waiting, SendQ: backlog})
	}
}

func inodeFor(s *sketch) uint64 { return uint64(len(s.Sockets)) + 1000 }

// drawSockets adds n sockets alike, to n remote ports or from n local ones: %d in an
// address stands for the running number.
func drawSockets(n int, pid int32, state tcp.State, local, remote string, change ...func(*tcp.Socket)) func(*sketch) {
	at := func(format string, i int) netip.AddrPort {
		if strings.Contains(format, "%") {
			format = fmt.Sprintf(format, i)
		}
		return netip.MustParseAddrPort(format)
	}
	return func(s *sketch) {
		for i := range n {
			sk := tcp.Socket{Local: at(local, 33000+i), Remote: at(remote, 10000+i), State: state, NetNS: sketchNS, PID: pid, Cookie: inodeFor(s)}
			if pid != 0 {
				sk.Inode = inodeFor(s)
			}
			if state == tcp.TimeWait {
				sk.Timer = tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Duration(i%60) * time.Second}
			}
			for _, c := range change {
				c(&sk)
			}
			s.Sockets = append(s.Sockets, sk)
		}
	}
}

func drawAll(draw ...func(*sketch)) func(*sketch) {
	return func(s *sketch) {
		for _, d := range draw {
			d(s)
		}
	}
}

// sketchCase is one case: what was drawn in the first look (nil: a single look), in
// the last, what was seen between, and the findings expected of the rule.
type sketchCase struct {
	name   string
	before func(*sketch)
	now    func(*sketch)
	seen   []host.Failure
	want   []string
}

func drawNothing(*sketch) {}

// judgeSketches runs a rule over the cases. A finding is written "severity certainty
// pids facts cures"; the whole report is made in both languages besides, so that
// no sentence is missing or fails.
func judgeSketches(t *testing.T, r rule, cases []sketchCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			now := sketchOf(c.now)
			var before *host.Snapshot
			if c.before != nil {
				before = sketchOf(c.before)
				before.TakenAt = before.TakenAt.Add(-time.Second)
			}
			var seen *host.Activity
			if c.seen != nil {
				seen = &host.Activity{Window: time.Second, By: "tracepoint", Failures: c.seen}
			}
			var got []string
			for _, f := range r(examine(before, now, seen)) {
				got = append(got, inShort(f))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			for _, lang := range []string{"en", "zh"} {
				book, err := knowledge.Open(lang)
				if err != nil {
					t.Fatal(err)
				}
				x := examine(before, now, seen)
				for _, f := range r(x) {
					w, err := x.inWords(f, book)
					if err != nil {
						t.Fatal(err)
					}
					if n := len([]rune(w.Title)); n > 80 {
						t.Errorf("title of %d characters: %q", n, w.Title)
					}
					t.Logf("%s: %s\n\t%s", lang, w.Title, w.Explanation)
					for _, e := range w.Evidence {
						t.Log("\t- ", e.Fact)
					}
					for _, m := range w.Remedies {
						if strings.Contains(string(m.Command), `""`) || strings.Contains(string(m.Command), "/0/") || strings.Contains(string(m.Command), "=0:") {
							t.Errorf("command with a hole: %q", m.Command)
						}
						t.Logf("\t[%s] %s | %s | %s", m.Kind, m.Title, m.Command, m.Detail)
					}
				}
			}
		})
	}
}

func inShort(f *found) string {
	var pids, facts []string
	for _, b := range f.blamed {
		pids = append(pids, fmt.Sprint(b.pid))
	}
	for _, fc := range f.facts {
		facts = append(facts, fc.key)
	}
	or := func(s []string) string {
		if len(s) == 0 {
			return "-"
		}
		return strings.Join(s, ",")
	}
	return fmt.Sprintf("%s %s pid:%s %s => %s", f.severity, f.certainty, or(pids), or(facts), or(f.cures))
}
