package filter

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/tcp"
)

// world is a small machine: processes 1 web, 2 and 3 workers sharing sockets.
type world struct{}

func (world) Sharers(s *tcp.Socket) []int32 {
	if s.Inode == 23 {
		return []int32{2, 3}
	}
	return nil
}

func (world) Process(pid int32) (Process, bool) {
	switch pid {
	case 1:
		return Process{Name: "Web Server", Exe: "/usr/sbin/webd", Unit: "shop.service",
			ContainerID: "8d3c99aa11", ContainerName: "shop", Cgroup: "/docker/8d3c99aa11"}, true
	case 2:
		return Process{Name: "worker-2"}, true
	case 3:
		return Process{Name: "worker-3"}, true
	}
	return Process{}, false
}

func (world) User(s *tcp.Socket) (uint32, string, bool) {
	return s.UID, map[uint32]string{0: "root", 33: "www-data"}[s.UID], s.Inode != 0
}

func (world) Opener(s *tcp.Socket) (int32, string, bool) {
	return 77, "java", s.Cookie == 5
}

// Age knows one more age than the socket itself: that of CLOSE_WAIT.
func (world) Age(s *tcp.Socket) (time.Duration, bool) {
	if s.State == tcp.CloseWait {
		return 2 * time.Minute, true
	}
	return s.Age()
}

func (world) Closer(s *tcp.Socket) tcp.Side { return s.State.FirstCloser() }

func (world) Code(s *tcp.Socket) (string, string, int) {
	if s.State == tcp.TimeWait {
		return "[jit]", "", 0
	}
	if s.Cookie != 5 {
		return "", "", 0
	}
	return "github.com/acme/shop/dao.(*Store).Query", "/src/shop/dao/store.go", 88
}

func (world) Interface(_ uint64, index uint32) string {
	return map[uint32]string{1: "lo", 2: "eth0"}[index]
}

func (world) Namespace(inode uint64) string { return map[uint64]string{4026532281: "blue"}[inode] }

func socket(state tcp.State, local, remote string) tcp.Socket {
	s := tcp.Socket{State: state}
	if local != "" {
		s.Local = netip.MustParseAddrPort(local)
	}
	if remote != "" {
		s.Remote = netip.MustParseAddrPort(remote)
	}
	return s
}

var sockets = func() map[string]tcp.Socket {
	web := socket(tcp.Listen, "0.0.0.0:80", "")
	web.PID, web.Inode, web.UID, web.RecvQ, web.SendQ = 1, 10, 33, 5, 511
	web6 := socket(tcp.Listen, "[::]:443", "")
	web6.PID, web6.Inode, web6.NetNS = 3, 23, 4026532281
	out := socket(tcp.Established, "10.0.0.1:41000", "10.0.0.2:3306")
	out.PID, out.Inode, out.Cookie, out.Mark, out.Iface, out.Port, out.SendQ = 1, 11, 5, 0x101, 2, tcp.PortAuto, 9000
	in6 := socket(tcp.CloseWait, "[2001:db8::1]:443", "[2001:db8:ffff::9]:50000")
	in6.PID, in6.Inode, in6.RecvQ, in6.NetNS = 2, 23, 1, 4026532281
	tw := socket(tcp.TimeWait, "127.0.0.1:42000", "127.0.0.1:80")
	tw.Timer = tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 20 * time.Second}
	ll := socket(tcp.Established, "[fe80::1%2]:22", "[fe80::2%2]:60000")
	req := socket(tcp.NewSynRecv, "10.0.0.1:80", "192.168.7.7:5555")
	bound := socket(tcp.Bound, "0.0.0.0:9", "")
	none := tcp.Socket{State: tcp.Closed, PID: 9, Inode: 99}
	return map[string]tcp.Socket{"web": web, "web6": web6, "out": out, "in6": in6, "tw": tw, "ll": ll, "req": req, "bound": bound, "none": none}
}()

var order = []string{"web", "web6", "out", "in6", "tw", "ll", "req", "bound", "none"}

func selected(t *testing.T, line string) string {
	t.Helper()
	e, err := Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return matching(e)
}

func matching(e Expr) string {
	var names []string
	for _, n := range order {
		s := sockets[n]
		if e.Match(&Subject{Socket: &s, Names: world{}}) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

func TestMatch(t *testing.T) {
	everything := strings.Join(order, " ")
	for _, tt := range []struct{ line, want string }{
		{"", everything},
		{"  \t ", everything},
		{"state all", everything},
		{"state listen", "web web6"},
		{"state LISTENING", "web web6"},
		{"state estab", "out ll"},
		{"state syn-recv", "req"},
		{"state SYN-RCV", "req"},
		{"state established state time-wait", "out tw ll"},
		{"state established state time-wait exclude established", "tw"},
		{"exclude listen exclude estab", "in6 tw req bound none"},
		{"excl time-wait state time-wait", everything},
		{"exclude all", ""},
		{"state connected", "out in6 tw ll req"},
		{"state synchronized exclude time-wait", "out in6 ll req"},
		{"state bucket", "tw req"},
		{"state big", "web web6 out in6 ll bound none"},
		{"state established and state time-wait", ""},
		{"not state established state time-wait", "tw"},
		{"state connected dst 10.0.0.0/8", "out"},
		{"dst 10.0.0.2:3306", "out"},
		{"dst 10.0.0.2:mysql", "out"},
		{"dst = 10.0.0.2", "out"},
		{"dst 10.0.0.3", ""},
		{"dst 10/8", "out"},
		{"dst 192.168/16", "req"},
		{"dst 10.9.9.9/8", "out"},
		{"raddr 10.0.0.2", "out"},
		{"dst ::ffff:10.0.0.2", "out"},
		{"dst [::ffff:10.0.0.0/104]", "out"},
		{"dst 2001:db8::/32", "in6"},
		{"dst [2001:db8::/32]:50000", "in6"},
		{"dst [2001:db8::]/32:50000", "in6"},
		{"dst [2001:db8::]/32", "in6"},
		{"dst [2001:db8:ffff::9]", "in6"},
		{"dst 2001:db8:ffff::9", "in6"},
		{"src 2001:db8::1:https", "in6"},
		{"src ::", "web6"},
		{"src [::]:443", "web6"},
		{"dst 0.0.0.0", "web bound"},
		{"dst ::", "web6"},
		{"dst 0.0.0.0/0", "web out tw req bound"},
		{"dst inet6:*", "web6 in6 ll"},
		{"src inet::80", "web req"},
		{"dst *", everything},
		{"dst *:*", everything},
		{"dst :80", "tw"},
		{"src *:80", "web req"},
		{"dst 127.0.0.1:*", "tw"},
		{"src localhost", "tw"},
		{"src localhost:42000", "tw"},
		{"dst != 10.0.0.2 state estab", "ll"},
		{"src fe80::1", "ll"},
		{"src fe80::/10", "ll"},
		{"src fe80::1%2", "ll"},
		{"src [fe80::1%eth0]:22", "ll"},
		{"src fe80::1%eth1", ""},
		{"dport = :80", "tw"},
		{"dport=:80", "tw"},
		{"dport 80", "tw"},
		{"rport eq 80", "tw"},
		{"dport == http", "tw"},
		{"sport = HTTPS", "web6 in6"},
		{"lport le 80", "web ll req bound none"},
		{"sport <= :80 and sport > 9", "web ll req"},
		{"sport lt 80 sport ge :22", "ll"},
		{"dport >= 50000", "in6 ll"},
		{"dport gt 50000", "ll"},
		{"dport < 50000 and state connected", "out tw req"},
		{"dport ne 0", "out in6 tw ll req"},
		{"dport neq :0 && dport leq 3306", "out tw"},
		{"dport geq inet6::60000", "ll"},
		{"(dport=:80||dport=:3306)&&!src 127.0.0.1", "out"},
		{"( dport = :80 or dport = :3306 ) and not src 127.0.0.1", "out"},
		{"dport = :80 or dport = :3306 and src 127.0.0.1", "tw"},
		{"dport = :3306 OR dport = :80 AND NOT src 127.0.0.1", "out"},
		{"! ! dport = :80", "tw"},
		{"autobound", "out"},
		{"dev = eth0", "out"},
		{"dev 2", "out"},
		{"dev != eth0 state estab", "ll"},
		{"fwmark = 0x101", "out"},
		{"mark 257", "out"},
		{"fwmark 1/0xff", "out"},
		{"fwmark != 0/0xff", "out"},
		{`process "Web Server"`, "web out"},
		{`process Web\ Server`, "web out"},
		{`process 'Web Server'`, "web out"},
		{"process webd", "web out"},
		{"process web", ""},
		{"process ~ WEB", "web out"},
		{"process !~ web", "web6 in6 tw ll req bound none"},
		{"process worker-2", "web6 in6"},
		{"process worker-3", "web6 in6"},
		{"process != worker-3 state listen", "web"},
		{`process ""`, ""},
		{"pid 1", "web out"},
		{"pid 3", "web6 in6"},
		{"pid != 3 pid > 0", "web out none"},
		{"pid = 0", ""},
		{"container shop", "web out"},
		{"container 8d3c", "web out"},
		{"container 8D3C99AA11", "web out"},
		{"container 8d3", ""},
		{"container ~ sho", "web out"},
		{"unit shop", "web out"},
		{"unit shop.service", "web out"},
		{"unit != shop state listen", "web6"},
		{"cgroup /docker/8d3c99aa11", "web out"},
		{"user www-data", "web"},
		{"user 33", "web"},
		{"user root", "web6 out in6 none"},
		{"uid 33", "web"},
		{"uid >= 1", "web"},
		{"uid != 0", "web tw ll req bound"},
		{"netns blue", "web6 in6"},
		{"netns 4026532281", "web6 in6"},
		{"netns != blue state listen", "web"},
		{"inode 10", "web"},
		{"cookie 5", "out"},
		{"opener java", "out"},
		{"opener 77", "out"},
		{"opener ~ JAV", "out"},
		{"closer local", "tw"},
		{"closer PEER", "in6"},
		{"closer != local state connected", "out in6 ll req"},
		{"code query", "out"},
		{"code ~ STORE.go", "out"},
		{"code shop/dao/store.go:88", "out"},
		{"code store.go:8", "out"},
		{"code store.go:87", ""},
		{"code = store.go", "out"},
		{"code = store.go:88", "out"},
		{"code = store.go:8", ""},
		{"code = 'dao.(*Store).Query'", "out"},
		{"code = 'shop/dao.(*Store).Query'", "out"},
		{"code = 'op/dao.(*Store).Query'", ""},
		{"code = '(*Store).Query'", ""},
		{"code = 'dao.(*Store).Query ('", ""},
		{"code = 'dao.(*store).query'", ""},
		{"code = dao/store.go:88", "out"},
		{"code = /store.go:88", ""},
		{"code = store.go:", ""},
		{"code = :88", ""},
		{"code = 'dao.(*Store).Query (store.go:88)'", "out"},
		{"code = 'dao.(*Store).Query (dao/store.go:88)'", "out"},
		{"code = 'dao.(*Store).Query (store.go)'", "out"},
		{"code = 'dao.(*Store).Query (tore.go:88)'", ""},
		{"code = 'dao.(*Store).Query (store.go:8)'", ""},
		{"code = 'github.com/acme/shop/dao.(*Store).Query (/src/shop/dao/store.go:88)'", "out"},
		{"code = 'dao.(*Sto…(store.go:88)'", "out"},
		{"code = 'dao.(*sto…(store.go:88)'", ""},
		{"code 'dao.(*Store).Query (store.go:88)'", "out"},
		{"code 'dao.(*Store).Query (dao/store.go:88)'", "out"},
		{"code 'dao.(*Store).Query (store.go:87)'", ""},
		{"code 'dao.(*Store).Get (store.go:88)'", ""},
		{"code 'dao.(*sto…(store.go:88)'", "out"},
		{"code 'dao.(*Store…'", "out"},
		{"code 'dao.(*Story…'", ""},
		{"code 'store.go:88 … dao'", ""},
		{"code '(store.go:88)'", "out"},
		{"code '(dao/store.go:88)'", "out"},
		{"code '(*Store).Query (store.go'", "out"},
		{"code !~ 'dao.(*Store).Query (store.go:88)' cookie 5", ""},
		{"code '[jit]'", "tw"},
		{"code = '[jit]'", "tw"},
		{"code = '[ji]'", ""},
		{"code jit", ""},
		{"code ~ ]", ""},
		{"code 'dao.(*store)'", "out"},
		{"code = 'github.com/acme/shop/dao.(*Store).Query'", "out"},
		{"code = ''", ""},
		{"code = .", ""},
		{"code != store.go autobound", ""},
		{"code !~ store.go cookie 5", ""},
		{"code !~ store.go state time-wait", "tw"},
		{"age > 30s", "in6 tw"},
		{"age > 1m", "in6"},
		{"age <= 40", "tw"},
		{"age < 1d", "in6 tw"},
		{"age > 1d", ""},
		{"age = 40000ms", "tw"},
		{"age != 1s", "in6 tw"},
		{"not age > 30s state time-wait", ""},
		{"recvq > 0", "web in6"},
		{"sendq ge 511", "web out"},
		{"sendq = 9000", "out"},
	} {
		if got := selected(t, tt.line); got != tt.want {
			t.Errorf("%q selects %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestMatchWithoutNames(t *testing.T) {
	for line, want := range map[string]bool{
		"process x": false, "process != x": true, "user root": false, "uid = 0": false, "uid != 0": true,
		"netns blue": false, "opener java": false, "closer local": false, "closer != local": true, "code x": false, "code !~ x": true, "pid 1": true, "src fe80::1%eth0": false,
	} {
		e, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		web := sockets["web"]
		if got := e.Match(&Subject{Socket: &web}); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestCanonical(t *testing.T) {
	for line, want := range map[string]string{
		"":                                    "",
		"state time-wait":                     "state TIME_WAIT",
		"state syn-recv state syn-sent":       "state SYN_SENT state SYN_RECV",
		"not(state listen state estab)":       "not (state LISTEN state ESTABLISHED)",
		"exclude listen":                      "exclude LISTEN",
		"state all":                           "state all",
		"state listen exclude listen":         "exclude all",
		"dport=http":                          "dport = :80",
		"rport ge 5 | lport 4":                "dport >= :5 or sport = :4",
		"dst 10.1.2.3/8:443":                  "dst 10.0.0.0/8:443",
		"dst ::1":                             "dst [::1]",
		"dst 2001:db8::/32:80":                "dst [2001:db8::/32]:80",
		"dst *:80":                            "dst :80",
		"dst *":                               "dst *",
		"src fe80::1%eth0":                    "src [fe80::1%eth0]",
		"(dport 1 or dport 2) sport 3":        "(dport = :1 or dport = :2) and sport = :3",
		"(dport 1 (dport 2 and dport 3))":     "dport = :1 and dport = :2 and dport = :3",
		"dport 1 or (dport 2 or dport 3)":     "dport = :1 or dport = :2 or dport = :3",
		"! (dport 1 dport 2)":                 "not (dport = :1 and dport = :2)",
		"mark 1/0xff":                         "fwmark = 0x1/0xff",
		"age > 90":                            "age > 1m30s",
		"process 'a b'":                       `process = "a b"`,
		`process "and"`:                       `process = "and"`,
		`process = le`:                        `process = "le"`,
		`process "x\x1b[0m"`:                  `process = "x\x1b[0m"`,
		"process=nginx":                       "process = nginx",
		"dst inet6:*":                         "dst inet6:*",
		"container ~ Shop unit != x.service":  "container ~ Shop and unit != x.service",
		"state listen and state estab":        "state LISTEN and state ESTABLISHED",
		"recvq gt 0 sendq neq 1 inode 5 ":     "recvq > 0 and sendq != 1 and inode = 5",
		"uid 0 pid 7 cookie 9 user root":      "uid = 0 and pid = 7 and cookie = 9 and user = root",
		"closer Local code x":                 "closer = local and code ~ x",
		"code = main.go:3 code !~ y":          "code = main.go:3 and code !~ y",
		"autobound opener 5 netns x cgroup /": "autobound and opener = 5 and netns = x and cgroup = /",
	} {
		e, err := Parse(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if got := e.String(); got != want {
			t.Errorf("%q prints %q, want %q", line, got, want)
		}
		again, err := Parse(e.String())
		if err != nil {
			t.Errorf("%q does not parse again: %v", e, err)
		} else if diff := cmp.Diff(e, again, exported); diff != "" {
			t.Errorf("%q: parsed again (-want +got):\n%s", line, diff)
		}
	}
}

func TestServiceNames(t *testing.T) {
	own := Parser{Service: func(name string) (uint16, bool) { return 8081, name == "http" || name == "shop" }}
	for line, want := range map[string]string{
		"dport = http": "dport = :8081", "dport :shop": "dport = :8081", "dst :ssh": "dst :22",
	} {
		e, err := own.Parse(line)
		if err != nil || e.String() != want {
			t.Errorf("%q: %v, %v, want %s", line, e, err, want)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"( dport = :443 or sport = :22 )"}, "( dport = :443 or sport = :22 )"},
		{[]string{"state", "time-wait", "dst", "10.0.0.0/8"}, "state time-wait dst 10.0.0.0/8"},
		{[]string{"process", "my app", "or", "pid", "3"}, `process "my app" or pid 3`},
		{[]string{"process", "~", "(sd-pam)"}, `process ~ "(sd-pam)"`},
		{[]string{"process", "!=", "a"}, "process != a"},
		{[]string{"process", `"my app"`, "x"}, `process "my app" x`},
		{[]string{"process foo", "or pid 3"}, "process foo or pid 3"},
		{[]string{"(", "dport", "=", ":443", ")"}, "( dport = :443 )"},
		{[]string{"process", ""}, "process "},
	} {
		if got := Join(tt.args); got != tt.want {
			t.Errorf("Join(%q) = %q, want %q", tt.args, got, tt.want)
		}
	}
}

// TestChangesOfState: "state X" selects what enters or leaves X.
func TestChangesOfState(t *testing.T) {
	for line, want := range map[string]bool{
		"state established":     true,
		"state close-wait":      true,
		"state listen":          false,
		"not state established": false,
		"not state listen":      true,
		"exclude established":   false,
		"exclude close-wait":    false,
		"exclude listen":        true,
		"state connected":       true,
		"state bucket":          false,
		"state big":             true,
		"state all":             true,
		"state established and not state fin-wait-2": true,
	} {
		e, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		s := tcp.Socket{State: tcp.CloseWait}
		if got := e.Match(&Subject{Socket: &s, Left: tcp.Established}); got != want {
			t.Errorf("ESTABLISHED → CLOSE_WAIT, %q: %v, want %v", line, got, want)
		}
	}
}

func TestUses(t *testing.T) {
	for _, tt := range []struct {
		line string
		want string // the words of all that Uses finds, in order
	}{
		{"", ""},
		{"state listen", "state"},
		{"exclude listen or (laddr ::1 and not rport 3)", "state src dport"},
		{"raddr * lport 3 dst :3 mark 1", "dst sport fwmark"},
		{"process a container b unit c user d uid 3 opener e closer peer code f", "process container unit user uid opener closer code"},
		{"pid 1 netns 3 inode 4 cookie 5 age > 1s recvq 0 sendq 0 dev 2 cgroup / autobound",
			"pid netns inode cookie age recvq sendq dev cgroup autobound"},
	} {
		e, err := Parse(tt.line)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words() {
			canonical := w
			if c, ok := synonyms[w]; ok {
				canonical = c
			}
			if w == "exclude" {
				continue // it makes the same term as state
			}
			if got, want := Uses(e, "nosuch", canonical), strings.Contains(" "+tt.want+" ", " "+canonical+" "); got != want {
				t.Errorf("%q uses %s: %v, want %v", tt.line, canonical, got, want)
			}
		}
	}
}

func TestValues(t *testing.T) {
	e, err := Parse("netns blue or not (netns != 7 process x and netns blue)")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(Values(e, "netns"), " "); got != "blue 7 blue" {
		t.Errorf("%q", got)
	}
	if got := Values(e, "opener"); got != nil {
		t.Errorf("%q", got)
	}
}

// TestLoosen: nothing is lost, and what does not ask for the words stays itself.
func TestLoosen(t *testing.T) {
	for line, want := range map[string]string{
		"":                                       "",
		"state listen":                           "state LISTEN",
		"opener java":                            "",
		"state time-wait opener java":            "state TIME_WAIT and state all",
		"state time-wait not opener java":        "state TIME_WAIT and not not state all",
		"not (code x or state listen)":           "not (not state all or state LISTEN)",
		"state listen or code x and opener !~ y": "state LISTEN or state all and state all",
	} {
		e, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := Loosen(e, "opener", "code").String(); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
