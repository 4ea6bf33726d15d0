package settings_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/settings"
)

func TestSettings(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       host.Settings
		absent     []string
	}{
		{"sysctl of Linux", "$ sysctl net.ipv4.ip_local_port_range net.core.somaxconn\nnet.ipv4.ip_local_port_range = 32768\t60999\nnet.core.somaxconn = 4096\n",
			host.Settings{"net.ipv4.ip_local_port_range": "32768\t60999", "net.core.somaxconn": "4096"}, nil},
		{"nothing but one line", "net.ipv4.tcp_tw_reuse=1\n", host.Settings{"net.ipv4.tcp_tw_reuse": "1"}, nil},
		{"an empty value", "net.ipv4.ip_local_reserved_ports = \nnet.ipv4.tcp_tw_reuse = 2\n", host.Settings{"net.ipv4.ip_local_reserved_ports": "", "net.ipv4.tcp_tw_reuse": "2"}, nil},
		{"sysctl of BSD", "$ sysctl net.inet.tcp.msl kern.maxfiles\nnet.inet.tcp.msl: 15000\nkern.maxfiles: 49152\n",
			host.Settings{"net.inet.tcp.msl": "15000", "kern.maxfiles": "49152"}, nil},
		{"grep of paths", "# grep . /proc/sys/net/ipv4/tcp_tw*\n/proc/sys/net/ipv4/tcp_tw_reuse:2\n/proc/sys/net/ipv4/ip_local_port_range:1024\t65000\n",
			host.Settings{"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.ip_local_port_range": "1024\t65000"}, nil},
		{"cat", "$ cat /proc/sys/net/ipv4/tcp_fin_timeout /proc/sys/net/core/somaxconn\n60\n128\n$ \n",
			host.Settings{"net.ipv4.tcp_fin_timeout": "60", "net.core.somaxconn": "128"}, nil},
		{"cat without a prompt", "cat /proc/sys/net/ipv4/ip_local_port_range\n32768   60999\n", host.Settings{"net.ipv4.ip_local_port_range": "32768   60999"}, nil},
		{"cat of what is not there", "$ cat /proc/sys/net/ipv4/tcp_tw_recycle /proc/sys/net/ipv4/tcp_tw_reuse\ncat: /proc/sys/net/ipv4/tcp_tw_recycle: No such file or directory\n2\n",
			host.Settings{"net.ipv4.tcp_tw_reuse": "2"}, []string{"net.ipv4.tcp_tw_recycle"}},
		{"headings of tail", "==> /proc/sys/net/ipv4/tcp_tw_reuse <==\n2\n\n==> /proc/sys/net/core/somaxconn <==\n4096\n",
			host.Settings{"net.ipv4.tcp_tw_reuse": "2", "net.core.somaxconn": "4096"}, nil},
		{"sysctl -n", "$ sysctl -n net.core.somaxconn\n511\n", host.Settings{"net.core.somaxconn": "511"}, nil},
		{"a command without its output", "$ cat /proc/sys/net/core/somaxconn\nit printed 128 I think\n", host.Settings{}, []string{"net.core.somaxconn"}},
		{"sysctl.conf", "# sysctl settings are defined here\n\nnet.ipv4.tcp_syncookies = 1 # floods\n; old\nnet.core.somaxconn=65535\nnet/ipv4/tcp_tw_reuse = 1\n",
			host.Settings{"net.ipv4.tcp_syncookies": "1", "net.core.somaxconn": "65535", "net.ipv4.tcp_tw_reuse": "1"}, nil},
		{"a file does not replace what the system says", "$ sysctl net.core.somaxconn\nnet.core.somaxconn = 128\n$ cat /etc/sysctl.conf\nnet.core.somaxconn = 65535\n",
			host.Settings{"net.core.somaxconn": "128"}, nil},
		{"what sysctl -w prints", "# sysctl -w net.ipv4.tcp_tw_reuse=1\nnet.ipv4.tcp_tw_reuse = 1\n", host.Settings{"net.ipv4.tcp_tw_reuse": "1"}, nil},
		{"old names of conntrack", "$ sysctl -a\nnet.ipv4.netfilter.ip_conntrack_max = 65536\n", host.Settings{"net.netfilter.nf_conntrack_max": "65536"}, nil},
		{"interfaces", "$ sysctl -a\nnet.ipv4.conf.eth0.rp_filter = 1\nnet.ipv4.conf.all.rp_filter = 2\nnet.ipv4.neigh.eth0.gc_thresh3 = 7\nnet.ipv4.neigh.default.gc_thresh3 = 1024\n",
			host.Settings{"net.ipv4.conf.all.rp_filter": "2", "net.ipv4.neigh.default.gc_thresh3": "1024"}, []string{"net.ipv4.conf.eth0.rp_filter", "net.ipv4.neigh.eth0.gc_thresh3"}},
		{"our own, shown", "These are our current kernel settings:\n\nnet.ipv4.tcp_tw_reuse = 0\nnet.core.somaxconn = 128\n",
			host.Settings{"net.ipv4.tcp_tw_reuse": "0", "net.core.somaxconn": "128"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := pastetest.Given(t, tt.text)
			for name, want := range tt.want {
				if got, ok := pastetest.NetNS(p).Settings[name]; !ok || got != want {
					t.Errorf("%s is %q (%v), not %q", name, got, ok, want)
				}
			}
			for _, name := range tt.absent {
				if got, ok := pastetest.NetNS(p).Settings[name]; ok {
					t.Errorf("%s is %q, but nothing says so", name, got)
				}
			}
		})
	}
}

// What somebody advises, or did, is no setting of a machine: every line goes on.
func TestAdvice(t *testing.T) {
	for name, text := range map[string]string{
		"English":               "You should add the following to your configuration:\n\nnet.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_fin_timeout = 30\n",
		"Chinese":               "编辑文件,加入以下内容:\nnet.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_fin_timeout = 30\n",
		"an order follows":      "net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_fin_timeout = 30\n/sbin/sysctl -p\n",
		"an editor":             "# vi /etc/sysctl.conf\nnet.ipv4.tcp_tw_recycle = 1\n",
		"echo":                  "echo 1 > /proc/sys/net/ipv4/tcp_tw_recycle\n",
		"sysctl -w, no output":  "$ sysctl -w net.ipv4.tcp_tw_recycle=1\n",
		"here document":         "$ cat >> /etc/sysctl.conf <<EOF\nnet.ipv4.tcp_tw_recycle = 1\nEOF\n",
		"in a sentence":         "net.ipv4.tcp_tw_recycle = 1 turns on fast recycling of sockets\n",
		"alone between prose":   "There is one more thing\nnet.ipv4.tcp_tw_recycle=1\n",
		"a logger":              "net.ipv4tools.tcp_tw_recycle: 1\n",
		"of the registry":       "Open the editor at\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\nand make TcpTimedWaitDelay 30\n",
		"about ports, no table": "Which tcp ports does it take\nand why\n",
	} {
		t.Run(name, func(t *testing.T) {
			p, other := pastetest.Given(t, text)
			if len(pastetest.NetNS(p).Settings) > 0 || len(p.Parts) > 0 {
				t.Errorf("settings %v, parts %v", pastetest.NetNS(p).Settings, pastetest.KindsOf(p))
			}
			want := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
			if !slices.Equal(slices.DeleteFunc(other, func(line string) bool { return line == "" }), want) {
				t.Errorf("went on: %q", other)
			}
		})
	}
}

func TestSysctlOfThisMachine(t *testing.T) {
	sysctl, err := exec.LookPath("sysctl")
	if err != nil {
		t.Skip("procps is not installed: ", err)
	}
	text, _ := exec.Command(sysctl, "-a").Output() // it fails over what only root may read
	one, err := exec.Command(sysctl, "-n", "net.ipv4.ip_local_port_range").Output()
	if err != nil {
		t.Skip("no such settings here: ", err)
	}
	p, other := pastetest.Given(t, string(text))
	if got, want := pastetest.NetNS(p).Settings["net.ipv4.ip_local_port_range"], strings.TrimSpace(string(one)); got != want {
		t.Errorf("port range %q, not %q", got, want)
	}
	if !p.Snapshot.System.FilesOpen.Known || p.Snapshot.Machine.Kernel == "" || p.Snapshot.Machine.OS != "linux" {
		t.Errorf("open files %v, machine %+v", p.Snapshot.System.FilesOpen, p.Snapshot.Machine)
	}
	for _, line := range other {
		if strings.HasPrefix(line, "net.") || strings.HasPrefix(line, "fs.") {
			t.Errorf("not understood: %q", line)
		}
	}
}

func TestFactsOfTheMachine(t *testing.T) {
	hours := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
	for _, tt := range []struct {
		text string
		want host.Machine
	}{
		{"Linux web-1 5.10.0-8-amd64 #1 SMP Debian 5.10.46-4 (2021-08-03) x86_64 GNU/Linux", host.Machine{Name: "web-1", OS: "linux", Kernel: "5.10.0-8-amd64"}},
		{"Linux 3.10.0-1160.el7.x86_64", host.Machine{OS: "linux", Kernel: "3.10.0-1160.el7.x86_64"}},
		{"Linux version 6.1.0-13-amd64 (debian-kernel@example.org) (gcc-12) #1 SMP", host.Machine{OS: "linux", Kernel: "6.1.0-13-amd64"}},
		{"Darwin mini.local 21.6.0 Darwin Kernel Version 21.6.0: Mon Aug 22 20:17:10 PDT 2022; root:xnu-8020/RELEASE_X86_64 x86_64", host.Machine{Name: "mini.local", OS: "darwin", Kernel: "21.6.0"}},
		{"FreeBSD gate 13.1-RELEASE FreeBSD 13.1-RELEASE releng/13.1-n250148 GENERIC amd64", host.Machine{Name: "gate", OS: "freebsd", Kernel: "13.1-RELEASE"}},
		{"Microsoft Windows [Version 10.0.17763.107]", host.Machine{OS: "windows", Kernel: "10.0.17763.107"}},
		{"Microsoft Windows [版本 10.0.19045.3570]", host.Machine{OS: "windows", Kernel: "10.0.19045.3570"}},
		{"Microsoft Windows XP [Version 5.1.2600]", host.Machine{OS: "windows", Kernel: "5.1.2600"}},
		{"Host Name:                 WEB01\nOS Name:                   Microsoft Windows Server 2019 Standard\nOS Version:                10.0.17763 N/A Build 17763\n", host.Machine{Name: "WEB01", OS: "windows", Kernel: "10.0.17763"}},
		{"Betriebssystemname:        Microsoft Windows Server 2016 Standard\nBetriebssystemversion:     10.0.14393 Nicht zutreffend Build 14393\n", host.Machine{OS: "windows", Kernel: "10.0.14393"}},
		{"ProductName:\t\tmacOS\nProductVersion:\t\t14.1\nBuildVersion:\t\t23B74\n", host.Machine{OS: "darwin"}},
		{" 20:02:31 up 12 days,  7:27,  1 user,  load average: 2.10, 3.38, 4.22", host.Machine{Uptime: hours(12*24 + 7.45)}},
		{"top - 09:14:03 up 41 min,  2 users,  load average: 0.00, 0.01, 0.05", host.Machine{Uptime: 41 * time.Minute}},
		{"10:15  up 5 days, 2 hrs, 3 users, load averages: 1.62 1.70 1.81", host.Machine{Uptime: hours(122)}},
		{"up 2 weeks, 3 days, 4 hours, 5 minutes", host.Machine{Uptime: hours(17*24+4) + 5*time.Minute}},
		{"$ hostname\nweb-1.example.com\n", host.Machine{Name: "web-1.example.com"}},
		{"$ cat /proc/uptime\n3600.50 7100.12\n", host.Machine{Uptime: hours(1) + 500*time.Millisecond}},
		{"Linux is a kernel. It has 5.10 and others", host.Machine{}},
		{"Microsoft Windows is what we have here", host.Machine{}},
		{"give up 3 times, then load averages", host.Machine{}},
	} {
		p, _ := pastetest.Given(t, tt.text)
		if p.Snapshot.Machine != tt.want {
			t.Errorf("%q\ngives %+v\nnot   %+v", tt.text, p.Snapshot.Machine, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	const table = "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max cpu time              unlimited            unlimited            seconds   \n" +
		"Max open files            1024                 524288               files     \n" +
		"Max processes             63704                63704                processes \n"
	for name, tt := range map[string]struct {
		text  string
		pid   int32
		shell string
	}{
		"a process":          {"[root@web ~]# cat /proc/812/limits\n" + table, 812, ""},
		"without a prompt":   {"cat /proc/812/limits\n" + table, 812, ""},
		"one line of it":     {"$ grep 'open files' /proc/812/limits\nMax open files            1024                 524288               files     \n", 812, ""},
		"prlimit":            {"$ prlimit -p 812\nRESOURCE   DESCRIPTION                             SOFT      HARD UNITS\nAS         address space limit                unlimited unlimited bytes\nNOFILE     max number of open files                1024      4096 files\n", 812, ""},
		"whose is not known": {table, 0, "1024"},
		"the shell's":        {"$ cat /proc/self/limits\n" + table, 0, "1024"},
		"bash":               {"core file size          (blocks, -c) 0\nopen files                      (-n) 1024\nmax user processes              (-u) unlimited\n", 0, "1024"},
		"zsh":                {"-t: cpu time (seconds)              unlimited\n-n: file descriptors                1024\n", 0, "1024"},
		"dash":               {"time(seconds)        unlimited\nnofiles(descriptors) 1024\n", 0, "1024"},
		"ulimit -n":          {"$ ulimit -n\n1024\n", 0, "1024"},
	} {
		p, _ := pastetest.Given(t, tt.text)
		if got := pastetest.NetNS(p).Settings[settings.ShellLimit]; got != tt.shell {
			t.Errorf("%s: the shell's limit is %q, not %q", name, got, tt.shell)
		}
		if tt.pid == 0 {
			continue
		}
		if q := p.Snapshot.Processes[tt.pid]; q == nil || q.FDLimit == nil || *q.FDLimit != 1024 {
			t.Errorf("%s: process %+v", name, q)
		}
	}
	p, _ := pastetest.Given(t, "$ ls /proc/812/fd | wc -l\n1019\n")
	if q := p.Snapshot.Processes[812]; q == nil || q.FDs == nil || *q.FDs != 1019 {
		t.Errorf("descriptors: %+v", q)
	}
}

func TestFileNr(t *testing.T) {
	for _, text := range []string{"$ cat /proc/sys/fs/file-nr\n9344\t0\t811832\n", "$ sysctl fs.file-nr\nfs.file-nr = 9344\t0\t811832\n", "/proc/sys/fs/file-nr:9344 0 811832\n"} {
		p, _ := pastetest.Given(t, text)
		pastetest.WantOpt(t, text, p.Snapshot.System.FilesOpen, 9344)
		if p.Snapshot.System.Settings["fs.file-max"] != "811832" {
			t.Errorf("%q: %v", text, p.Snapshot.System.Settings)
		}
	}
	if p, other := pastetest.Given(t, "9344\t0\t811832\n"); p.Snapshot.System.FilesOpen.Known || len(other) != 1 {
		t.Errorf("three numbers alone are nothing: %+v, %q", p.Snapshot.System.FilesOpen, other)
	}
}

func TestNeigh(t *testing.T) {
	p, _ := pastetest.Given(t, "$ ip neigh\n10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n10.0.0.9 dev eth0  FAILED\nfe80::1 dev eth0 lladdr 02:00:00:00:00:01 router STALE\n")
	n := p.Snapshot.System.Neighbours
	if len(n) != 2 || n[0].Entries.Value != 2 || n[1].Family != "ipv6" || n[1].Entries.Value != 1 {
		t.Errorf("neighbours %+v", n)
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"$ sysctl -a\nnet.ipv4.tcp_tw_reuse = 2\n", "[HKEY_LOCAL_MACHINE\\X]\n\"A\"=dword:1e\n\"B\"=hex:00,\\\n 01\n", "Protocol tcp Port Exclusion Ranges\n\n----------    --------\n 1 2 *\n",
		"Max open files 1\nNOFILE x files\n", "-n: x 1\n(-n) 1", "up 1 day,", "Linux a 5.1 #", "==> /proc/sys/fs/file-nr <==\n1 2 3", "$ ls /proc/1/fd | wc -l\n7\n", "SettingName DynamicPortRangeStartPort\na 1\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := paste.Read(t.Context(), strings.NewReader(text), paste.Options{Other: func(uint64, []byte) {}})
		pastetest.TextOnly(t, err)
		if p.Snapshot.Machine.Uptime < 0 {
			t.Errorf("uptime %v", p.Snapshot.Machine.Uptime)
		}
		for _, part := range p.Parts {
			if part.First == 0 || part.Last < part.First || part.Rows+part.Bad > part.Last-part.First+1 {
				t.Errorf("part %+v", part)
			}
		}
	})
}
