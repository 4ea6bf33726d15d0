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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Numbers that no process of this machine has.
const (
	watcher = 1<<30 + iota
	oldServer
	newServer
	other
)

func listenerAt(local string, cookie uint64, pid int32) tcp.Socket {
	return tcp.Socket{State: tcp.Listen, Local: netip.MustParseAddrPort(local), NetNS: 1, Cookie: cookie, Inode: cookie, PID: pid}
}

// served is a machine on which these listen, the server of 9191 started by a loop.
func served(sockets ...tcp.Socket) *host.Snapshot {
	sn := &host.Snapshot{Sockets: sockets, Processes: map[int32]*host.Process{
		watcher: {PID: watcher, PPID: 1, StartTicks: 10, Name: "bash"}, other: {PID: other, PPID: 1, StartTicks: 10, Name: "nginx", Unit: "web.service"},
	}}
	for i, pid := range []int32{oldServer, newServer} {
		sn.Processes[pid] = &host.Process{PID: pid, PPID: watcher, StartTicks: uint64(20 + i), Name: "python3"}
	}
	return sn
}

func fromProcesses(sn *host.Snapshot, pid int32) *host.Process { return sn.Processes[pid] }

func killed(t *testing.T, lang string, before *host.Snapshot) (*killing, *act.Guard) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no guard on this system yet")
	}
	guard, err := act.NewGuard()
	if err != nil {
		t.Fatal(err)
	}
	k := &killing{book: bookFor(t, lang), sn: before}
	old := before.Processes[oldServer]
	k.plan = []doomed{{Process: old, parent: parentOf(before, old, guard, fromProcesses), result: act.Result{Outcome: act.Ended}}}
	return k, guard
}

// Who is started again at once is told, with who does it; for whom nobody starts
// again nobody waits, and for others no longer than one second.
func TestKillSeesWhoComesBack(t *testing.T) {
	before := served(listenerAt("0.0.0.0:9191", 5, oldServer), listenerAt("127.0.0.1:9191", 6, other), listenerAt("0.0.0.0:80", 7, other))
	for _, tt := range []struct {
		name   string
		orphan bool
		after  func(looks int) *host.Snapshot
		want   string // of the note
		looks  int
	}{
		{"started again", false, func(looks int) *host.Snapshot {
			if looks < 3 {
				return served(listenerAt("127.0.0.1:9191", 6, other))
			}
			return served(listenerAt("127.0.0.1:9191", 6, other), listenerAt("0.0.0.0:9191", 8, newServer), listenerAt("[::]:9191", 9, newServer))
		}, "port 9191 is listened on again by python3(1073741826), started by bash(1073741824): end that one first, or tell it to stop this one", 3},
		{"never again", false, func(int) *host.Snapshot { return served(listenerAt("0.0.0.0:80", 7, other)) }, "", 6},
		{"nobody's child", true, func(int) *host.Snapshot { return served() }, "", 1},
		{"another port of another namespace", true, func(int) *host.Snapshot {
			s := listenerAt("0.0.0.0:9191", 8, newServer)
			s.NetNS = 2
			return served(s, listenerAt("0.0.0.0:9192", 9, newServer))
		}, "", 1},
		{"shared", true, func(int) *host.Snapshot { return served(listenerAt("0.0.0.0:9191", 5, other)) },
			"port 9191 is still listened on by nginx(1073741827) (web.service; systemd may start it again: `systemctl stop web.service`)", 1},
		{"unreadable", false, func(int) *host.Snapshot { return nil }, "", 1},
	} {
		k, guard := killed(t, "en", before)
		if tt.orphan {
			k.plan[0].parent = nil
		}
		synctest.Test(t, func(t *testing.T) {
			looks, began := 0, time.Now()
			look := func(ctx context.Context) (*host.Snapshot, error) {
				if looks++; ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if sn := tt.after(looks); sn != nil {
					return sn, nil
				}
				return nil, errors.New("unreadable")
			}
			var notes []string
			for _, h := range k.seekAgain(t.Context(), guard, look, fromProcesses) {
				notes = append(notes, k.saysAgain(h))
			}
			if got := strings.Join(notes, "|"); got != tt.want || looks > tt.looks || looks < min(tt.looks, 5) || time.Since(began) > longestLook {
				t.Errorf("%s: %q after %d looks, %v", tt.name, got, looks, time.Since(began))
			}
		})
	}
}

// Who did not end has left no port.
func TestKillSeesNobodyBackWhoStayed(t *testing.T) {
	k, guard := killed(t, "en", served(listenerAt("0.0.0.0:9191", 5, oldServer)))
	k.plan[0].result.Outcome = act.Running
	if got := k.seekAgain(t.Context(), guard, nil, fromProcesses); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestKillSaysWhoComesBackInChinese(t *testing.T) {
	k, _ := killed(t, "zh", served())
	processes := k.sn.Processes
	k.again = []heldAgain{{socket: listenerAt("0.0.0.0:9191", 8, newServer), isNew: true, holder: processes[newServer], parent: processes[watcher]}}
	want := "端口 9191 又由 python3(1073741826) 监听\uff0c它由 bash(1073741824) 启动\uff1a请先结束后者\uff0c或让后者停掉它"
	if got := k.saysAgain(k.again[0]); got != want {
		t.Errorf("%q", got)
	}
	doc, err := json.Marshal(k.json().Again)
	if want := `[{"netns":"1","local":"0.0.0.0:9191","new":true,"pid":1073741826,"process":"python3","parent":{"pid":1073741824,"process":"bash"}}]`; err != nil || string(doc) != want {
		t.Errorf("%s, %v", doc, err)
	}
}

// A parent is shown where it may start the process again: not process 1, not the shell
// of the session, not a number that has gone to a later process.
func TestKillShowsTheParent(t *testing.T) {
	k, guard := killed(t, "en", served())
	self, shell := int32(os.Getpid()), int32(os.Getppid())
	k.sn.Processes[self] = &host.Process{PID: self, StartTicks: 1, Name: "self"}
	k.sn.Processes[shell] = &host.Process{PID: shell, StartTicks: 1, Name: "bash"}
	for _, tt := range []struct {
		ppid  int32
		start uint64
		want  bool
	}{{watcher, 20, true}, {watcher, 9, false}, {1, 20, false}, {0, 20, false}, {self, 20, false}, {shell, 20, false}, {1<<30 + 99, 20, false}} {
		p := &host.Process{PID: oldServer, PPID: tt.ppid, StartTicks: tt.start}
		if got := parentOf(k.sn, p, guard, fromProcesses); (got != nil) != tt.want {
			t.Errorf("%d started at %d: %+v", tt.ppid, tt.start, got)
		}
	}
	k.plan[0].result = act.Result{}
	var before, after, tabs bytes.Buffer
	err := k.describe(&before, 100)
	k.plan[0].result.Outcome = act.Ended
	if err = errors.Join(err, k.describe(&after, 100), k.tabs(&tabs)); err != nil {
		t.Fatal(err)
	}
	if want := "  parent     bash(1073741824); if it watches over this one, it starts it again\n"; !strings.Contains(before.String(), want) {
		t.Error(&before)
	}
	if !strings.Contains(after.String(), "  parent     bash(1073741824)\n") || !strings.HasSuffix(tabs.String(), "\tended\tbash(1073741824)\n") {
		t.Error(&after, &tabs)
	}
	if doc := k.json(); doc.Processes[0].Parent == nil || doc.Processes[0].Parent.PID != watcher || doc.Again == nil {
		t.Errorf("%+v", doc)
	}
}

// What --force adds is said before anybody is asked.
func TestKillForceIsAnnounced(t *testing.T) {
	for _, tt := range []struct {
		lang  string
		force bool
		grace time.Duration
		want  []string
	}{
		{"en", false, 10 * time.Second, []string{"would be asked to end (SIGTERM)"}},
		{"en", true, 10 * time.Second, []string{"would be asked to end (SIGTERM); if it still runs after 10 s, it would be killed (SIGKILL): ", "has not saved by then is lost"}},
		{"en", true, 0, []string{"would be asked to end (SIGTERM), and killed (SIGKILL) at once after that: ", "lost"}},
		{"zh", true, 10 * time.Second, []string{"将收到 SIGTERM", "10 秒后仍未退出\uff0c就用 SIGKILL 强行结束", "都会丢失"}},
		{"zh", true, 0, []string{"随即被 SIGKILL 强行结束", "都会丢失"}},
	} {
		k := &killing{book: bookFor(t, tt.lang), force: tt.force, grace: tt.grace}
		got := k.outcome(&doomed{})
		missing := func(want string) bool { return !strings.Contains(got, want) }
		if slices.ContainsFunc(tt.want, missing) || strings.Contains(got, "SIGKILL") != tt.force {
			t.Errorf("%s, %v, %v: %q", tt.lang, tt.force, tt.grace, got)
		}
	}
}
