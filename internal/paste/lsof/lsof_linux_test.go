package lsof_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/paste/pastetest"
)

// The real program, looking at this process.
func TestLsofReal(t *testing.T) {
	lsof, err := exec.LookPath("lsof")
	if err != nil {
		t.Skip("lsof is not installed")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	idle, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(idle) //nolint:errcheck // nothing to be done about it
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	short := strings.TrimSpace(string(name))
	me := os.Getpid()
	// A command is cut at nine letters in the table.
	want := func(cut int, more ...string) []string {
		owner := fmt.Sprintf("%s/%d", short[:min(cut, len(short))], me)
		lines := []string{
			fmt.Sprintf("%s - LISTEN %s", l.Addr(), owner),
			fmt.Sprintf("%s %s ESTABLISHED %s", c.LocalAddr(), c.RemoteAddr(), owner),
			fmt.Sprintf("%s %s ESTABLISHED %s", s.LocalAddr(), s.RemoteAddr(), owner),
		}
		for _, m := range more {
			lines = append(lines, m+" "+owner)
		}
		slices.Sort(lines)
		return lines
	}
	pid := strconv.Itoa(me)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"-nP", "-a", "-i", "-p", pid}, want(9)},
		{[]string{"-nP", "-p", pid}, want(15, "invalid AddrPort - CLOSED")}, // which lists the program's file
		{[]string{"-nP", "-a", "-i", "-p", pid, "-T", "qs"}, want(9)},
		{[]string{"-nP", "-a", "-K", "-p", pid}, want(15, "invalid AddrPort - CLOSED")},
		{[]string{"-nP", "-p", pid, "-F"}, want(15, "invalid AddrPort - CLOSED")},
		{[]string{"-nP", "-p", pid, "-F0"}, want(15, "invalid AddrPort - CLOSED")},
	} {
		t.Run(strings.Join(c.args[1:], " "), func(t *testing.T) {
			out, err := exec.Command(lsof, c.args...).Output()
			if len(out) == 0 {
				t.Skipf("lsof says nothing: %v", err)
			}
			p, got := pastetest.Drawn(t, string(out))
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s\nfrom\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"), out)
			}
			for _, part := range p.Parts {
				if part.Bad > 0 {
					t.Errorf("bad line %d of\n%s", part.FirstBad, out)
				}
			}
			if c.args[1] == "-p" && (p.Snapshot.Processes[int32(me)].FDs == nil || *p.Snapshot.Processes[int32(me)].FDs < 4) {
				t.Errorf("descriptors: %v", p.Snapshot.Processes[int32(me)].FDs)
			}
		})
	}
}
