package paste_test

import (
	"testing"
	"testing/fstest"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
)

func TestSeveralHosts(t *testing.T) {
	const table = "tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n"
	for text, want := range map[string]string{
		"[root@web1 ~]# netstat -an\n" + table + "[root@db7 ~]# netstat -an\n" + table:                                                   "web1, db7",
		"root@web1:~# netstat -an\n" + table + "postgres@db7:/var/log$ netstat -an\n" + table:                                            "web1, db7",
		"app@web1 ~ % netstat -an\n" + table + "\napp@db7 ~ % sysctl -n net.core.somaxconn\n128\n":                                       "web1, db7",
		"[root@web1 ~]# netstat -an\n" + table + "[app@WEB1.example.com ~]$ netstat -an\n" + table:                                       "",
		"me@laptop:~$ ssh root@web1\n[root@web1 ~]# netstat -an\n" + table:                                                               "",
		"me@laptop:~$ ssh root@web1 netstat -an\n" + table + "me@laptop:~$ kubectl exec shop -- netstat -an\n" + table:                   "",
		"[root@web1 ~]# netstat -an\n" + table + "$ netstat -an\n" + table:                                                               "",
		"[root@192.0.2.1 ~]# netstat -an\n" + table + "[root@192.0.2.9 ~]# netstat -an\n" + table:                                        "192.0.2.1, 192.0.2.9",
		"Linux web1 5.10.0-8-amd64 #1 SMP x86_64 GNU/Linux\n" + table + "Linux db7 5.10.0-8-amd64 #1 SMP x86_64 GNU/Linux\n" + table:     "web1, db7",
		"[root@prod ~]# hostname\nweb1\n[root@prod ~]# netstat -an\n" + table + "Linux web1.example.com 5.10.0-8-amd64 x86_64 GNU/Linux": "",
	} {
		p, _ := pastetest.Given(t, text)
		if got := subjectOf(p, "paste-several-hosts"); got != want {
			t.Errorf("%s\nhosts %q, not %q", text, got, want)
		}
	}
	p, err := paste.ReadTree(t.Context(), fstest.MapFS{
		"web1/etc/hostname": &fstest.MapFile{Data: []byte("web1\n")}, "web2/etc/hostname": &fstest.MapFile{Data: []byte("web2\n")},
		"web2/netstat.txt": &fstest.MapFile{Data: []byte(table)},
	}, paste.Options{})
	if got := subjectOf(p, "paste-several-hosts"); err != nil || got != "web1, web2" {
		t.Errorf("a folder: %v, hosts %q", err, got)
	}
}

// subjectOf is that of the blind spot with a code, "" without one.
func subjectOf(p *paste.Pasted, code string) string {
	for _, s := range p.Snapshot.BlindSpots {
		if s.Code == code {
			return s.Subject
		}
	}
	return ""
}
