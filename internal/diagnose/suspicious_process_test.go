package diagnose

import (
	"testing"

	"sockeye/internal/tcp"
)

func TestSuspiciousProcess(t *testing.T) {
	runs := func(name, exe string, deleted bool, cmdline ...string) func(*scene) {
		return func(s *scene) {
			p := s.process(66, name, "", cmdline...)
			p.Exe, p.ExeDeleted = exe, deleted
			s.stays(nil, s.many(2, tcp.Established, "203.0.113.66:4444", 66, nil)...)
		}
	}
	within := func(remote, name, exe string) func(*scene) {
		return func(s *scene) {
			p := s.process(66, name, "")
			p.Exe, p.ExeDeleted = exe, true
			s.stays(nil, s.many(2, tcp.Established, remote, 66, nil)...)
		}
	}
	runScenes(t, suspiciousProcess, []sceneCase{
		{name: "temporary and deleted", build: runs("sshd", "/var/tmp/sshd", true),
			want: []judged{{Warning, Likely, 66, "temporary deleted sockets remotes"}}},
		{name: "temporary", build: runs("tool", "/tmp/tool", false),
			want: []judged{{Notice, Possible, 66, "temporary sockets remotes"}}},
		{name: "poses as a kernel thread", build: runs("kworker/0:1", "/usr/local/lib/.k", false),
			want: []judged{{Warning, Likely, 66, "kernel-thread sockets remotes"}}},
		{name: "poses as one in its command line", build: runs("x", "/usr/local/lib/.k", false, "[kswapd0]"),
			want: []judged{{Warning, Likely, 66, "kernel-thread sockets remotes"}}},
		{name: "only in memory", build: runs("a", "/memfd:a", true),
			want: []judged{{Notice, Possible, 66, "memory deleted sockets remotes"}}},
		{name: "only in memory, under a borrowed name", build: runs("dockerb", "/memfd:dockerb", true),
			want: []judged{{Warning, Likely, 66, "memory poses deleted sockets remotes"}}},
		{name: "the same, talking to its own network only", build: within("10.9.9.9:4444", "dockerb", "/memfd:dockerb"),
			want: []judged{{Notice, Possible, 66, "memory poses deleted sockets remotes"}}},
		{name: "the lab's", build: runs("cr0nd", "/var/tmp/cr0nd", true),
			want: []judged{{Warning, Likely, 66, "temporary poses deleted sockets remotes"}}},
		{name: "a borrowed name in a folder below", build: runs("ngimx", "/tmp/.x/ngimx", false),
			want: []judged{{Warning, Likely, 66, "temporary poses sockets remotes"}}},
		{name: "a borrowed name, deleted", build: runs("ssdd", "/root/ssdd", true),
			want: []judged{{Warning, Likely, 66, "poses deleted sockets remotes"}}},
		{name: "a borrowed name alone", build: runs("contain3rd", "/home/a/contain3rd", false),
			want: []judged{{Notice, Possible, 66, "poses sockets remotes"}}},
		{name: "the seed's EXPLORE.EXE", build: runs("EXPLORE.EXE", `C:\Windows\EXPLORE.EXE`, false),
			want: []judged{{Notice, Possible, 66, "imitates sockets remotes"}}},
		{name: "letters exchanged", build: runs("scvhost.exe", `C:\Windows\System32\scvhost.exe`, false),
			want: []judged{{Notice, Possible, 66, "imitates sockets remotes"}}},
		{name: "a system program elsewhere", build: runs("svchost.exe", `C:\Users\a\svchost.exe`, false),
			want: []judged{{Warning, Likely, 66, "wrong-place sockets remotes"}}},
		{name: "hostile bytes", build: runs("\x1b[2Jx", "/dev/shm/\x1b]0;x\xff", true),
			want: []judged{{Warning, Likely, 66, "temporary deleted sockets remotes"}}},

		{name: "a tool in a folder of its own", build: runs("sockeye", "/tmp/dir/bin/sockeye", false, "/tmp/dir/bin/sockeye", "lab")},
		{name: "a container runtime starts itself anew", build: runs("runc", "/memfd:runc_cloned:/proc/self/exe", true)},
		{name: "its name is a neighbour's", build: runs("worker", "/home/a/worker", true)},
		{name: "the daemon itself, upgraded", build: runs("crond", "/usr/sbin/crond", true)},
		{name: "installed, and near by chance", build: runs("chrony1", "/usr/bin/chrony1", false)},
		{name: "another beginning", build: runs("ftpd", "/tmp/dir/bin/sockeye", false)},
		{name: "another beginning still", build: runs("qtpd", "/tmp/dir/qtpd", false)},
		{name: "four letters are near to many", build: runs("cran", "/home/a/cran", false)},
		{name: "after an upgrade", build: runs("nginx", "/usr/sbin/nginx", true)},
		{name: "go run", build: runs("main", "/tmp/go-build123456/b001/exe/main", false)},
		{name: "go test", build: runs("diagnose.test", "/tmp/go-build99/b001/diagnose.test", true)},
		{name: "Internet Explorer", build: runs("iexplore.exe", `C:\Program Files\Internet Explorer\iexplore.exe`, false)},
		{name: "Windows' own", build: runs("svchost.exe", `C:\Windows\System32\svchost.exe`, false)},
		{name: "Windows' own, path unknown", build: runs("svchost.exe", "", false)},
		{name: "the kernel's own thread", build: runs("kworker/0:1", "", false)},
		{name: "no connections", build: func(s *scene) {
			s.process(66, "x", "").Exe = "/tmp/x"
		}},
	})
}

func TestNearly(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"explore", "explorer", true}, {"explorerr", "explorer", true}, {"exp1orer", "explorer", true},
		{"scvhost", "svchost", true}, {"svchost", "svchost", false}, {"chrome", "csrss", false},
		{"", "lsass", false}, {"lsas", "lsass", false}, {"server", "services", false},
	} {
		if got := nearly(c.a, c.b); got != c.want {
			t.Errorf("nearly(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
