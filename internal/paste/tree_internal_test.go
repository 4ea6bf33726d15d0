package paste

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	"sockeye/internal/paste/sample"
)

// Report is what a report of one machine looks like, in short.
func Report() fstest.MapFS {
	files := map[string]string{
		"proc/net/tcp":                       sample.ProcLittle,
		"proc/net/sockstat":                  "sockets: used 41\nTCP: inuse 20 orphan 3 tw 954 alloc 71 mem 149\n",
		"proc/sys/net/ipv4/tcp_tw_reuse":     "2\n",
		"proc/sys/net/core/somaxconn":        "4096\n",
		"proc/sys/fs/file-nr":                "1824\t0\t811832\n",
		"proc/uptime":                        "3600.00 7000.00\n",
		"proc/812/limits":                    "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n",
		"proc/812/comm":                      "java\n",
		"proc/812/net/tcp":                   sample.ProcBig,
		"etc/sysctl.conf":                    "net.ipv4.tcp_tw_reuse = 1\nnet.ipv4.tcp_fin_timeout = 15\n",
		"etc/hostname":                       "web-1\n",
		"etc/shadow":                         "root:x\n",
		"sos_commands/kernel/uname_-a":       "Linux web-1 5.10.0-8-amd64 #1 SMP Debian 5.10.46-4 x86_64 GNU/Linux\n",
		"sos_commands/networking/nstat_-zas": "#kernel\nTcpExtListenOverflows           12                 0.0\n",
		"sos_commands/networking/ip_netns_exec_blue_ss_-peaonmi": sample.ProcLittle,
		"var/log/messages": "Nov 22 09:05:00 web-1 kernel: TCP: out of memory -- consider tuning tcp_mem\n",
	}
	for i := range 100 { // so many that not everything is read
		files[fmt.Sprintf("usr/share/doc/%d", i)] = "TIME_WAIT 7\nCLOSE_WAIT 7\n"
	}
	m := fstest.MapFS{}
	for name, text := range files {
		m["sosreport-web-1-2026/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestRoleOf(t *testing.T) {
	for name, want := range map[string]role{
		"sosreport-a-1/proc/net/tcp6": roleTable, "proc/net/nf_conntrack": roleTable, "proc/12/net/tcp": roleNone, "proc/12/limits": roleTable, "proc/12/environ": roleNone,
		"a/proc/sys/net/core/somaxconn": roleValue, "etc/sysctl.d/99-web.conf": roleConf, "etc/passwd": roleNone,
		"x/sos_commands/networking/netstat_-W_-neopa": roleTable, "x/sos_commands/networking/ss_-peaonmi": roleTable,
		"x/sos_commands/networking/ip_netns_exec_a_netstat_-s": roleNone, "x/sos_commands/process/lsof_M_-n_-l_-c": roleTable,
		"x/sos_commands/kernel/sysctl_-a": roleTable, "x/var/log/messages": roleLog, "x/sos_commands/kernel/dmesg": roleLog, "shop.log": roleLog,
		"NETSTAT.TXT": roleTable, "netstat.png": roleNone, "../../proc/net/tcp": roleTable, "": roleNone, "/": roleNone,
		"n17.txt": roleUnknown, "netstat.txt.gz": roleTable, "x/var/log/messages-1.gz": roleLog, "logs.tar.gz": roleLog, "x/usr/share/doc/a.tar.gz": roleNone,
	} {
		if got := roleOf(name); got != want {
			t.Errorf("%q has role %d, not %d", name, got, want)
		}
	}
}

func TarOf(t *testing.T, files fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := errors.Join(w.AddFS(files), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzTree: whatever names and contents there are, and whatever bytes an archive has.
func FuzzTree(f *testing.F) {
	f.Add("proc/net/tcp", []byte(sample.ProcLittle))
	f.Add("../../etc/passwd", []byte("x"))
	f.Add("proc/sys//", []byte("1"))
	f.Add("proc/99999999999/limits", []byte("Max open files 1 2"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		one := func(visit func(member) error) error { return visit(member{name: name, from: bytes.NewReader(data)}) }
		s := NewSession(Options{})
		if err := s.tree(t.Context(), one, nil); err != nil && len(s.pass.parts) > 0 {
			t.Errorf("one file: %v", err)
		}
		_ = NewSession(Options{}).Stream(t.Context(), bytes.NewReader(data), name, nil) // any error is as good
		archive := func() (io.Reader, error) { return bytes.NewReader(data), nil }
		s = NewSession(Options{})
		if err := s.tree(t.Context(), treeOfTar(archive), nil); err != nil && !errors.Is(err, ErrArchive) && len(s.pass.parts) > 0 {
			t.Errorf("as an archive: %v", err)
		}
	})
}
