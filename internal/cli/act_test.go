package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/act"
	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

func TestPace(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "50/s": 20 * time.Millisecond, "50": 20 * time.Millisecond, "10/m": 6 * time.Second, "1/m": time.Minute,
	} {
		if got, err := paceOf(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1/s", "x", "1/h", "1/s/m", "/s", "1.5/s", " 1/s", "99999999999/s"} {
		if got, err := paceOf(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func parsed(t *testing.T, line string) filter.Expr {
	t.Helper()
	e, err := filter.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Listeners are hit only by who names their state, not by who forgot them.
func TestSaysListen(t *testing.T) {
	for line, want := range map[string]bool{
		"state listen": true,
		"state listen state close-wait process java":   true,
		"sport 80 and state listening":                 true,
		"not (not state listen)":                       true,
		"(state listen or state close-wait) and pid 3": true,
		"":                                    false,
		"state all":                           false,
		"state big":                           false,
		"state connected":                     false,
		"exclude established":                 false,
		"not state established":               false,
		"sport 80":                            false,
		"process java":                        false,
		"process 'state listen'":              false,
		"state listen or sport 80":            false, // a listener on 80 may be meant by either
		"not state listen":                    false,
		"state listen and state established":  false,
		"age > 1s or recvq > 3 or opener x":   false,
		"dst 10.0.0.0/8 or cookie 5 or inode": false,
	} {
		if strings.HasSuffix(line, "inode") {
			line += " 3"
		}
		if got := saysListen(parsed(t, line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestSaysCookie(t *testing.T) {
	for line, want := range map[string]bool{
		"cookie 5":                             true,
		"cookie = 5 state established":         true,
		"cookie 5 or cookie 9":                 true,
		"(cookie 9 or cookie 5) and process x": true,
		"cookie 9":                             false,
		"cookie != 9":                          false,
		"cookie > 4":                           false,
		"cookie <= 5":                          false,
		"cookie >= 5":                          false,
		"not cookie 9":                         false,
		"cookie 5 or process x":                false,
		"pid 5":                                false,
		"":                                     false,
	} {
		if got := saysCookie(parsed(t, line), 5); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

// Every word of the filter language is known to those who look for one of them.
func TestNoWordIsForgotten(t *testing.T) {
	all := "src 1.1.1.1 dst 1.1.1.1 sport 1 dport 1 process x container x unit x user x netns x opener x closer local code x cgroup / " +
		"dev 1 pid 1 uid 1 inode 1 recvq 1 sendq 1 age > 1s fwmark 1 autobound"
	if got := filter.Loosen(parsed(t, all), beyondBoth...).String(); strings.ReplaceAll(got, "state all", "") != strings.Repeat(" and ", len(beyondBoth)-1) {
		t.Errorf("%q", got)
	}
}

// closable is a machine whose sockets need not exist: only dry runs may look at it.
func closable(pid int32) *host.Snapshot {
	row := func(state tcp.State, local, remote string, pid int32, cookie uint64) tcp.Socket {
		s := tcp.Socket{State: state, Local: netip.MustParseAddrPort(local), NetNS: 4026531840, Cookie: cookie, PID: pid}
		if remote != "" {
			s.Remote = netip.MustParseAddrPort(remote)
		}
		if pid != 0 {
			s.Inode = 1000 + cookie
		}
		return s
	}
	const java = 1 << 30 // no process of this machine
	return &host.Snapshot{
		Machine: host.Machine{OS: runtime.GOOS}, TakenAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Source: host.Source{Kind: host.Live},
		Sockets: []tcp.Socket{
			row(tcp.CloseWait, "192.0.2.1:8080", "198.51.100.7:40001", java, 11),
			row(tcp.CloseWait, "192.0.2.1:8080", "198.51.100.7:40002", java, 12),
			row(tcp.TimeWait, "192.0.2.1:40003", "198.51.100.8:3306", 0, 13),
			row(tcp.Listen, "192.0.2.1:8080", "", java, 14),
			row(tcp.Established, "192.0.2.1:50000", "198.51.100.8:443", pid, 15),
			row(tcp.Established, "192.0.2.1:50001", "198.51.100.8:443", java, 0),
			row(tcp.Bound, "192.0.2.1:50002", "", java, 16),
		},
		Processes: map[int32]*host.Process{
			java: {PID: java, StartTicks: 99, Name: "java\x1b[31m", Exe: "/opt/jdk/bin/java", ExeDeleted: true, Cmdline: []string{"java", "-jar", "shop.jar"},
				User: "app", Unit: `shop\x2done.service`, Sockets: 5, Container: &host.Container{Name: "shop", Engine: "docker", ID: "8d3c"}},
			pid: {PID: pid, StartTicks: 99, Name: "self", Sockets: 1},
		},
	}
}

// onClosable runs a command on that machine: one that only looks, or is refused.
func onClosable(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no guard on this system yet")
	}
	var out, talk bytes.Buffer
	app := App{Stdin: strings.NewReader("yes\n"), Stdout: &out, Stderr: &talk, Getenv: func(string) string { return "" }, Width: 100}
	take := func(context.Context, collect.Options) (*host.Snapshot, error) {
		return closable(int32(os.Getpid())), nil
	}
	none := func(int32) (*host.Process, []host.BlindSpot) { return nil, nil }
	root := newRoot(app)
	root.RemoveCommand(root.Commands()...)
	root.AddCommand(newCloseCmd(app, take), newKillCmd(app, take, none))
	code = execute(t.Context(), root, append(args, "--state", t.TempDir()), app)
	stderr = talk.String()
	for lang, start := range map[string]string{"en": "note: ", "zh": "注意："} {
		if note := start + sentence(bookFor(t, lang), "act.close.unpermitted.dry", nil) + "\n"; !act.MayClose() {
			stderr = strings.ReplaceAll(stderr, note, "") // of tests without root
		}
	}
	return code, out.String(), stderr
}

func TestCloseDryRun(t *testing.T) {
	code, out, talk := onClosable(t, "close", "state", "all", "--dry-run")
	want := `STATE	LOCAL	REMOTE	PROCESS	AGE	NETNS	COOKIE	RESULT	CONSEQUENCE
LISTEN	192.0.2.1:8080	*:*	java\x1b[31m(1073741824)	-	4026531840	14	spared: a listener; 'state listen' asks for them	accept() fails and those in the queue get a reset; new connections are refused until its program listens anew
ESTABLISHED	192.0.2.1:50000	198.51.100.8:443	self(PID)	-	4026531840	15	spared: Sockeye's own	its program gets ECONNABORTED and the peer a reset; what was on its way is lost
ESTABLISHED	192.0.2.1:50001	198.51.100.8:443	java\x1b[31m(1073741824)	-	4026531840	-	spared: nothing tells it from another one that takes its place	its program gets ECONNABORTED and the peer a reset; what was on its way is lost
CLOSE_WAIT	192.0.2.1:8080	198.51.100.7:40001	java\x1b[31m(1073741824)	-	4026531840	11	would be closed	the kernel's part is freed; the descriptor stays open until its program closes it
CLOSE_WAIT	192.0.2.1:8080	198.51.100.7:40002	java\x1b[31m(1073741824)	-	4026531840	12	would be closed	the kernel's part is freed; the descriptor stays open until its program closes it
TIME_WAIT	192.0.2.1:40003	198.51.100.8:3306	-	-	4026531840	13	would be closed	its port is free at once; late segments of it may reach a new connection between the same ends
BOUND	192.0.2.1:50002	*:*	java\x1b[31m(1073741824)	-	4026531840	16	spared: the kernel does not find it; only its program can close it	-
`
	want = strings.ReplaceAll(want, "PID", strconv.Itoa(os.Getpid()))
	if diff := cmp.Diff(want, out); code != exitDone || talk != "" || diff != "" {
		t.Errorf("code %d, %q\n%s", code, talk, diff)
	}
}

func TestCloseJSON(t *testing.T) {
	code, out, _ := onClosable(t, "close", "state", "time-wait", "state", "listen", "cookie", ">", "0", "--dry-run", "--format", "json")
	var doc struct {
		Schema  string `json:"schema"`
		DryRun  bool   `json:"dry_run"`
		Entry   *int   `json:"entry"`
		Sockets []struct {
			State, Outcome, Consequence string
			Spared, Error               *string
			Cookie                      uint64
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitDone {
		t.Fatalf("%v, code %d: %s", err, code, out)
	}
	if doc.Schema != closeSchema || !doc.DryRun || doc.Entry != nil || len(doc.Sockets) != 2 {
		t.Fatalf("%+v", doc)
	}
	for _, s := range doc.Sockets { // both are asked for by name
		if s.Outcome != "would-close" || s.Spared != nil || s.Error != nil || s.Consequence == "" || s.Cookie == 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		talk string
	}{
		{"close", exitUsage, "say which connections"},
		{"close  ", exitUsage, "say which connections"},
		{"close state close-wait", exitNothing, "nobody can be asked here, and nothing was done"},
		{"close state close-wait --yes --limit 1", exitNothing, "2 match, more than --limit 1; nothing was done"},
		{"close state listen process nobody --yes", exitNothing, "no socket matches"},
		{"close sport 8080 state close-wait state listen exclude close-wait sport 1", exitNothing, "no socket matches"},
		{"close sport 50000 --yes", exitNothing, "everything that matches is protected"},
		{"close sport 50002 --include-protected --yes", exitNothing, "everything that matches is protected"},
		{"close sport 50000 --yes --include-protected", exitNothing, "only what the filter names by its cookie"},
		{"close state close-wait --yes --dry-run", exitUsage, "contradict"},
		{"close state close-wait --limit 0", exitUsage, "--limit 0 is out of range"},
		{"close state close-wait --rate x", exitUsage, `--rate "x" is no rate`},
		{"close state close-wait --format csv", exitUsage, `unknown format "csv"`},
		{"close stat close-wait", exitUsage, "did you mean state?"},
		{"close state close-wait --lang zh", exitNothing, "没有终端可供确认，什么都没做"},
		{"kill", exitUsage, "say which process"},
		{"kill state close-wait", exitNothing, "nobody can be asked here"},
		{"kill state time-wait --yes", exitNothing, "nobody who holds it can be seen"},
		{"kill process self --yes", exitNothing, "spared: Sockeye itself"},
		{"kill 12345678 --yes", exitNothing, "no process 12345678 can be seen from here"},
		{"kill 0 --yes", exitNothing, "no process 0 can be seen"},
		{"kill -- -1 --yes", exitUsage, ""},
		{"kill 1 2 --yes", exitUsage, ""},
		{"kill 1 --grace -1s", exitUsage, "--grace -1s is out of range"},
		{"kill 1 --grace 1h0m1s", exitUsage, "--grace 1h0m1s is out of range"},
		{"kill 1 --grace 1193h2m47.2s", exitUsage, "take 0s to 1h"},
		{"kill 1 --grace 5", exitUsage, "a duration has a unit"},
		{"kill process nobody --yes", exitNothing, "no socket matches"},
	} {
		code, out, talk := onClosable(t, strings.Split(tt.args, " ")...)
		if code != tt.code || out != "" || !strings.Contains(talk, tt.talk) {
			t.Errorf("%s: code %d, want %d; stdout %q, stderr %q", tt.args, code, tt.code, out, talk)
		}
	}
}

func TestKillDryRun(t *testing.T) {
	code, out, talk := onClosable(t, "kill", "cookie", ">", "0", "--dry-run")
	want := `PID	PROCESS	USER	SOCKETS	UNIT	CONTAINER	EXE	COMMAND	RESULT	PARENT
SELF	self	0	1	-	-	-	-	spared: Sockeye itself	-
1073741824	java\x1b[31m	app	5	shop\x2done.service	shop	/opt/jdk/bin/java	java -jar shop.jar	would be asked to end (SIGTERM)	-
`
	want = strings.ReplaceAll(want, "SELF", strconv.Itoa(os.Getpid()))
	if diff := cmp.Diff(want, out); code != exitDone || diff != "" {
		t.Errorf("code %d\n%s", code, diff)
	}
	if !strings.Contains(talk, "note: nobody can be seen who holds 1 of 6 sockets that match") {
		t.Errorf("%q", talk)
	}
	code, out, _ = onClosable(t, "kill", "process", "~", "java", "--dry-run", "--format", "json")
	var doc killJSON
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitDone || len(doc.Processes) != 1 {
		t.Fatalf("%v, code %d: %s", err, code, out)
	}
	p := doc.Processes[0]
	if p.PID != 1<<30 || *p.Exe != "/opt/jdk/bin/java" || !p.ExeDeleted || *p.Cmdline != "java -jar shop.jar" || p.Outcome != "would-end" || p.Spared != nil {
		t.Errorf("%+v", p)
	}
}

func TestConfirmed(t *testing.T) {
	for answer, want := range map[string]bool{
		"yes\n": true, " YES \r\n": true, "yes": true, "y\n": false, "\n": false, "": false, "no\nyes\n": false,
		"yes please\n": false, strings.Repeat(" ", 1000) + "yes\n": false,
	} {
		var talk bytes.Buffer
		err := agreed(t.Context(), App{Stdin: strings.NewReader(answer), Stderr: &talk}, bookFor(t, "en"), "Really?")
		var e *exit
		if (err == nil) != want || err != nil && (!errors.As(err, &e) || e.code != exitNothing) || talk.String() != "Really? " {
			t.Errorf("%q: %v, %q", answer, err, &talk)
		}
	}
}

func bookFor(t *testing.T, lang string) *knowledge.Book {
	t.Helper()
	book, err := knowledge.Open(lang)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// What people are shown before they are asked, in both languages.
func TestKillDescription(t *testing.T) {
	for lang, want := range map[string]string{
		"en": `java\x1b[31m(1073741824)
  program    /opt/jdk/bin/java (deleted since)
  command    java -jar shop.jar
  user       app
  holds      5 TCP sockets
  unit       shop\x2done.service; systemd may start it again: ` + "`" + `systemctl stop 'shop\x2done.service'` + "`" + `
  container  shop (docker); its engine may start it again: ` + "`" + `docker stop shop` + "`" + `
  result     would be asked to end (SIGTERM)
`,
		"zh": `java\x1b[31m(1073741824)
  程序       /opt/jdk/bin/java（文件已删除）
  命令行     java -jar shop.jar
  用户       app
  持有       5 个 TCP 套接字
  服务单元   shop\x2done.service；systemd 可能会重新启动它，请用 ` + "`" + `systemctl stop 'shop\x2done.service'` + "`" + `
  容器       shop（docker）；容器引擎可能会重新启动它，请用 ` + "`" + `docker stop shop` + "`" + `
  结果       将收到 SIGTERM，请它退出
`,
	} {
		var out bytes.Buffer
		k := &killing{book: bookFor(t, lang), sn: closable(2)}
		k.plan = []doomed{{Process: k.sn.Processes[1<<30]}}
		if err := k.describe(&out, 120); err != nil || out.String() != want {
			t.Errorf("%v\n%s", err, cmp.Diff(want, out.String()))
		}
	}
}

// A dry run shows all, and says where the deed would be refused for their number.
func TestDryRunOverLimit(t *testing.T) {
	for args, want := range map[string]string{
		"close state close-wait --dry-run --limit 1":                    "note: 2 would be hit, more than --limit 1: without --dry-run it refuses\n",
		"close state close-wait --dry-run --limit 2":                    "",
		"close state all --dry-run --limit 2":                           "note: 3 would be hit, more than --limit 2: without --dry-run it refuses\n",
		"close state close-wait --dry-run --limit 1 --lang zh":          "注意\uff1a将波及 2 个\uff0c超过 --limit 1\uff1b去掉 --dry-run 也不会执行\n",
		"close state close-wait --dry-run --limit 1 --format json":      "note: 2 would be hit, more than --limit 1: without --dry-run it refuses\n",
		"kill process ~ java state close-wait --dry-run --limit 1":      "",
		"kill process ~ java state close-wait pid 1073741824 --dry-run": "",
	} {
		code, out, talk := onClosable(t, strings.Split(args, " ")...)
		if code != exitDone || out == "" || talk != want {
			t.Errorf("%s: code %d, %q, want %q", args, code, talk, want)
		}
	}
}

// What is protected and hit all the same says so, before and after.
func TestCloseProtected(t *testing.T) {
	code, out, _ := onClosable(t, "close", "sport", "50000", "--dry-run", "--include-protected")
	if code != exitDone || !strings.Contains(out, "\twould be closed, although protected: Sockeye's own\t") {
		t.Errorf("code %d, %s", code, out)
	}
	code, out, _ = onClosable(t, "close", "sport", "50000", "--dry-run", "--include-protected", "--format", "json")
	if code != exitDone || !strings.Contains(out, `"outcome":"would-close","spared":null,`) || !strings.Contains(out, `"protected":"own"}`) {
		t.Errorf("code %d, %s", code, out)
	}
	c := &closing{book: bookFor(t, "en")}
	done := &planned{protected: act.Session, result: act.Result{Outcome: act.Destroyed}}
	if got := c.outcome(done); got != "closed, although protected: your SSH connection" {
		t.Errorf("%q", got)
	}
	if got := c.outcome(&planned{result: act.Result{Outcome: act.Destroyed}}); got != "closed" {
		t.Errorf("%q", got)
	}
}

// Who could not look at everything does not say that there is nothing.
func TestNothingSeen(t *testing.T) {
	for code, want := range map[string][2]string{
		"no-root":              {"no socket matches among those that could be seen: sport = :9", "not everything could be looked at; run it as root"},
		"netns-unreachable":    {"no socket matches among those that could be seen: sport = :9", ""},
		"bound-sockets-unseen": {"no socket matches: sport = :9", ""},
	} {
		sn := closable(2)
		sn.BlindSpots = []host.BlindSpot{{Code: code}}
		var e *exit
		err := nothingSeen(&picked{view: newView(sn), lang: "en"}, bookFor(t, "en"), parsed(t, "sport 9"))
		if !errors.As(err, &e) || e.code != exitNothing || e.err.Error() != want[0] || e.hint != want[1] {
			t.Errorf("%s: %+v", code, e)
		}
	}
}

// Sockets that could not be counted are not none.
func TestKillUncounted(t *testing.T) {
	var out, aligned bytes.Buffer
	k := &killing{book: bookFor(t, "en"), sn: closable(2)}
	p := *k.sn.Processes[1<<30]
	p.Sockets = 0
	k.plan = []doomed{{Process: &p, unseen: true}, {Process: &p}}
	if err := errors.Join(k.tabs(&out), k.describe(&aligned, 100)); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "\tapp\t?\t") || !strings.Contains(text, "\tapp\t0\t") {
		t.Error(text)
	}
	if text := aligned.String(); !strings.Contains(text, "holds      ? TCP sockets (to count them needs root)\n") || !strings.Contains(text, "holds      0 TCP sockets\n") {
		t.Error(text)
	}
	if doc := k.json(); doc.Processes[0].Sockets != nil || doc.Processes[1].Sockets == nil || *doc.Processes[1].Sockets != 0 {
		t.Errorf("%+v", doc.Processes)
	}
}

// Who is stopped is told apart from who does not obey.
func TestKillOfOneThatIsHeld(t *testing.T) {
	stopped, traced := act.Result{Outcome: act.Running, Err: act.ErrStopped}, act.Result{Outcome: act.Running, Err: act.ErrTraced}
	k := &killing{book: bookFor(t, "en")}
	for r, want := range map[act.Result]string{
		stopped: "is stopped; SIGTERM waits until it goes on", traced: "a debugger holds it; SIGTERM waits until that lets it go on",
		{Outcome: act.Running}: "still runs",
	} {
		if got := k.outcome(&doomed{result: r}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	k.plan = []doomed{{Process: &host.Process{PID: 12}, result: stopped}, {Process: &host.Process{PID: 13}, result: stopped}}
	var e *exit
	if err := k.verdict(false); !errors.As(err, &e) || e.code != exitNothing || !strings.Contains(e.hint, "kill -CONT 12 13;") {
		t.Errorf("%+v", e)
	}
	k.plan[1].result = act.Result{Outcome: act.Running}
	if err := k.verdict(false); !errors.As(err, &e) || !strings.HasPrefix(e.hint, "--force ends it with SIGKILL") {
		t.Errorf("%+v", e)
	}
}

// Of many sockets the outcomes are counted.
func TestCloseTotals(t *testing.T) {
	for lang, want := range map[string]string{"en": "8 closed, 1 already gone, 1,002 not tried", "zh": "8 个已关闭，1 个已经不在，1,002 个未处理"} {
		c := &closing{book: bookFor(t, lang)}
		for i := range 1012 {
			p := planned{result: act.Result{Outcome: act.Untried}}
			switch {
			case i == 0:
				p.spared = act.Own
			case i == 1:
				p.result.Outcome = act.Gone
			case i < 10:
				p.result.Outcome = act.Destroyed
			}
			c.plan = append(c.plan, p)
		}
		if got := c.totals(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		c.plan = c.plan[:10]
		if got := c.totals(); got != "" {
			t.Errorf("of few: %q", got)
		}
	}
}

// Without a record nothing is done, and that is said in the reader's language.
func TestNothingWithoutARecord(t *testing.T) {
	for lang, want := range map[string]string{"en": "nothing is done without a record, and nothing was", "zh": "记录写不下来就不动手，所以什么都没做"} {
		var e *exit
		if err := actFailed(bookFor(t, lang), errors.New("no space"), true); !errors.As(err, &e) || e.code != exitFailed || !strings.Contains(e.hint, want) {
			t.Errorf("%+v", e)
		}
		if err := actFailed(bookFor(t, lang), errors.New("no space"), false); !errors.As(err, &e) || e.hint != "" {
			t.Errorf("after the deed: %+v", e)
		}
	}
}

// Whoever has not ended is named, so that "is stopped" is said of nobody else.
func TestKillNamesWhoStays(t *testing.T) {
	for lang, want := range map[string][3]string{
		"en": {"p0(0) is stopped; SIGTERM waits until it goes on", "p0(0), p1(1) still run", "p0(0), p1(1), p2(2), p3(3), p4(4) and 2 more still run"},
		"zh": {"p0(0) 处于暂停状态，恢复运行后才会处理 SIGTERM", "p0(0)、p1(1) 仍在运行", "p0(0)、p1(1)、p2(2)、p3(3)、p4(4) 等 7 个进程仍在运行"},
	} {
		for i, n := range []int32{1, 2, 7} {
			k := &killing{book: bookFor(t, lang)}
			for pid := range n {
				d := doomed{Process: &host.Process{PID: pid, Name: "p" + strconv.Itoa(int(pid))}, result: act.Result{Outcome: act.Running}}
				if i == 0 {
					d.result.Err = act.ErrStopped
				}
				k.plan = append(k.plan, d)
			}
			var e *exit
			if err := k.verdict(false); !errors.As(err, &e) || e.err.Error() != want[i] {
				t.Errorf("%s: %v, want %q", lang, err, want[i])
			}
		}
	}
}

// What a process calls itself forges no line of what is shown before it is ended.
func TestKillForgesNoLine(t *testing.T) {
	sn := closable(2)
	p := sn.Processes[1<<30]
	p.Name, p.Exe, p.Cmdline, p.User = "a\nb", "/x\n  result     ended", []string{"a\n  result     ended", "b\nEnd this process? Type yes:"}, "u\nv"
	p.Container.Name, p.Unit = "c\nd", "u\nv.service"
	k := &killing{book: bookFor(t, "en"), sn: sn, plan: []doomed{{Process: p}}}
	var out bytes.Buffer
	if err := k.describe(&out, 200); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 8 || strings.Count(out.String(), "\n  result ") != 1 {
		t.Errorf("%d lines:\n%s", n, &out)
	}
}

// Who may not end a process, or close anything, is told so before anything else.
func TestForbidden(t *testing.T) {
	k := &killing{book: bookFor(t, "en")}
	if got := k.outcome(&doomed{forbidden: true}); got != "would be refused: it belongs to another user" {
		t.Errorf("%q", got)
	}
	if got := k.outcome(&doomed{forbidden: true, result: act.Result{Outcome: act.Ended}}); got != "ended" {
		t.Errorf("%q", got)
	}
}

// A table for a terminal of 80 columns has no longer lines, and loses no result.
func TestCloseFits(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		sn := closable(2)
		for i := range sn.Sockets {
			s := &sn.Sockets[i]
			s.Local = netip.AddrPortFrom(netip.MustParseAddr("198.51.100.121"), 40000)
			if s.Remote.IsValid() {
				s.Remote = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.121"), 50000)
			}
			s.NetNS += uint64(i)
		}
		c := &closing{picked: &picked{view: newView(sn), lang: lang}, book: bookFor(t, lang), entry: 1} // no legend, which wraps
		for row := range int32(4) {
			c.plan = append(c.plan, planned{row: row})
		}
		var out bytes.Buffer
		for _, spared := range []act.Why{act.NoReason, act.Listener} {
			c.plan[3].spared = spared
			out.Reset()
			if err := c.table(&out, 80, true); err != nil {
				t.Fatal(err)
			}
			rows := strings.Split(out.String(), "\n")[:5]
			for _, line := range rows {
				if w := cellWidth([]byte(line)); w > 80 {
					t.Errorf("%s: %d columns: %s", lang, w, line)
				}
			}
			for i := range c.plan {
				if text := c.outcome(&c.plan[i]); strings.Count(out.String(), text) == 0 {
					t.Errorf("%s: %q is lost in\n%s", lang, text, &out)
				}
			}
		}
	}
}

// Two ends of IPv6 have no room side by side: they stand below each other, and no
// line is wider than the terminal.
func TestCloseStacked(t *testing.T) {
	for _, tt := range []struct {
		width int
		lang  string
		want  string
	}{
		{80, "en", `CLOSE_WAIT   [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535
             → [2001:db8:aaaa:bbbb:cccc:dddd:eeee:fffe]:65534
             java\x1b[31m(1073741824)  would be closed
LISTEN       192.0.2.1:8080
             java\x1b[31m(1073741824)  spared: a listener; 'state listen' asks
             for them
2 sockets: 1 would be closed, 1 spared
CLOSE_WAIT: the kernel's part is freed; the descriptor stays open until its
  program closes it
`},
		{60, "zh", `CLOSE_WAIT
  [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535
  → [2001:db8:aaaa:bbbb:cccc:dddd:eeee:fffe]:65534
  java\x1b[31m(1073741824)  将被关闭
LISTEN
  192.0.2.1:8080
  java\x1b[31m(1073741824)  跳过（受保护）：监听套接字，要用
  state listen 点名
共 2 个套接字：1 个将被关闭，1 个跳过
CLOSE_WAIT：内核那部分被释放；描述符要等程序自己关闭
`},
	} {
		sn := closable(2)
		sn.Sockets[0].Local = netip.MustParseAddrPort("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535")
		sn.Sockets[0].Remote = netip.MustParseAddrPort("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:fffe]:65534")
		c := &closing{picked: &picked{view: newView(sn), lang: tt.lang}, book: bookFor(t, tt.lang)}
		c.plan = []planned{{row: 0}, {row: 3, spared: act.Listener}}
		var out bytes.Buffer
		if err := c.table(&out, tt.width, true); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, out.String()); diff != "" {
			t.Errorf("%d %s:\n%s", tt.width, tt.lang, diff)
		}
		for line := range strings.Lines(out.String()) {
			if w := cellWidth([]byte(strings.TrimSuffix(line, "\n"))); w > tt.width {
				t.Errorf("%s: %d columns: %s", tt.lang, w, line)
			}
		}
	}
}

// What kill prints of command lines holds no passwords, and is not long.
func TestKillCommandLines(t *testing.T) {
	sn := closable(2)
	p := sn.Processes[1<<30]
	p.Cmdline = []string{"java", "-Ddb.password=hunter2", "-cp", strings.Repeat("/opt/app/lib.jar:", 200), "--token", "hunter2", "http://u:hunter2@h/"}
	for _, lang := range []string{"en", "zh"} {
		k := &killing{book: bookFor(t, lang), sn: sn, plan: []doomed{{Process: p}}}
		var tabs, described bytes.Buffer
		if err := errors.Join(k.tabs(&tabs), k.describe(&described, 60)); err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(k.json())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{tabs.String(), described.String(), string(doc)} {
			if strings.Contains(text, "hunter2") || !strings.Contains(text, "-Ddb.password=***") {
				t.Error(text)
			}
		}
		if !strings.Contains(tabs.String(), "--token *** http://u:***@h/") {
			t.Error(&tabs)
		}
		rows := strings.Split(strings.TrimSpace(described.String()), "\n")
		if len(rows) > 15 {
			t.Errorf("%d lines:\n%s", len(rows), &described)
		}
		for _, row := range rows {
			if whole := strings.Contains(row, "stop"); !whole && cellWidth([]byte(row)) > 60 { // a command is not broken
				t.Errorf("%d columns: %s", cellWidth([]byte(row)), row)
			}
		}
	}
}

// What people are shown of sockets: the consequence of each state stands once.
func TestCloseTable(t *testing.T) {
	var out bytes.Buffer
	book := bookFor(t, "en")
	c := &closing{picked: &picked{view: newView(closable(2)), lang: "en"}, book: book}
	for row := range int32(5) {
		c.plan = append(c.plan, planned{row: row})
	}
	c.plan[3].spared = act.Listener
	c.plan[4].result = act.Result{Outcome: act.Refused, Err: errors.New("not\x07permitted")}
	if err := c.table(&out, 200, true); err != nil {
		t.Fatal(err)
	}
	want := `STATE        LOCAL            REMOTE              PROCESS                   RESULT
CLOSE_WAIT   192.0.2.1:8080   198.51.100.7:40001  java\x1b[31m(1073741824)  would be closed
CLOSE_WAIT   192.0.2.1:8080   198.51.100.7:40002  java\x1b[31m(1073741824)  would be closed
TIME_WAIT    192.0.2.1:40003  198.51.100.8:3306   -                         would be closed
LISTEN       192.0.2.1:8080   *:*                 java\x1b[31m(1073741824)  spared: a listener; 'state listen' asks for them
ESTABLISHED  192.0.2.1:50000  198.51.100.8:443    self(2)                   refused: not\x07permitted
5 sockets: 3 would be closed, 1 refused, 1 spared
CLOSE_WAIT: the kernel's part is freed; the descriptor stays open until its program closes it
TIME_WAIT: its port is free at once; late segments of it may reach a new connection between the same ends
ESTABLISHED: its program gets ECONNABORTED and the peer a reset; what was on its way is lost
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// Every state that the kernel can end has its consequence in words, and every
// outcome and reason too.
func TestActWords(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		book := bookFor(t, lang)
		c := &closing{book: book}
		for _, state := range tcp.States() {
			s := tcp.Socket{State: state, NetNS: 1, Cookie: 1}
			possible := act.Possible(&s) == act.NoReason && state != tcp.NewSynRecv // shown as SYN_RECV
			if text := c.consequence(&s); (text != "") != possible {
				t.Errorf("%s %s: %q", lang, state, text)
			}
		}
		keys := []string{"act.close.FIN_WAIT_2.orphan"}
		for _, o := range []act.Outcome{act.Destroyed, act.Gone, act.Refused, act.StillThere, act.Untried, act.Ended, act.Killed, act.Running, act.Replaced} {
			keys = append(keys, "act.outcome."+string(o))
		}
		for _, w := range []act.Why{act.Own, act.Ancestor, act.Session, act.Viewer, act.Init, act.Listener, act.Unseen, act.Screen, act.DNS, act.NoIdentity, act.NoLookup} {
			keys = append(keys, "act.why."+string(w))
		}
		for _, w := range []act.Why{act.Own, act.Ancestor, act.Init, act.Kernel, act.NoIdentity} {
			keys = append(keys, "act.kill.why."+string(w))
		}
		for _, key := range keys {
			if _, err := book.Word(key, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	code := func(err error) int {
		var e *exit
		switch {
		case err == nil:
			return exitDone
		case errors.As(err, &e):
			return e.code
		}
		return -1
	}
	book := bookFor(t, "en")
	refused := act.Result{Outcome: act.Refused, Err: act.ErrNotPermitted}
	for _, tt := range []struct {
		results       []act.Result
		close_, kill  int
		killWithForce int
	}{
		{[]act.Result{{Outcome: act.Destroyed}, {Outcome: act.Gone}, {Outcome: act.Ended}, {Outcome: act.Replaced}}, exitDone, exitDone, exitDone},
		{[]act.Result{{Outcome: act.Destroyed}, refused}, exitFailed, exitFailed, exitFailed},
		{[]act.Result{{Outcome: act.StillThere}}, exitFailed, exitDone, exitDone},
		{[]act.Result{{Outcome: act.Ended}, {Outcome: act.Running}}, exitDone, exitNothing, exitFailed},
		{[]act.Result{{Outcome: act.Running}, refused}, exitFailed, exitFailed, exitFailed},
	} {
		c, k := &closing{book: book}, &killing{book: book}
		for _, r := range tt.results {
			c.plan = append(c.plan, planned{result: r})
			k.plan = append(k.plan, doomed{Process: &host.Process{}, result: r})
		}
		if got := []int{code(c.verdict()), code(k.verdict(false)), code(k.verdict(true))}; !slices.Equal(got, []int{tt.close_, tt.kill, tt.killWithForce}) {
			t.Errorf("%v: %v", tt.results, got)
		}
	}
}
