package diagnose

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/knowledge"
)

// The command that is printed, run by the shell on a process of our own, raises the
// soft limit and takes nothing from the hard one.
func TestTheCommandKeepsTheHardLimit(t *testing.T) {
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip("prlimit(1) of util-linux is not installed")
	}
	for _, name := range []string{"worker", "java", "node", "postgres"} {
		t.Run(name, func(t *testing.T) {
			cat := exec.Command("cat")
			in, err := cat.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cat.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				in.Close()
				if err := cat.Wait(); err != nil {
					t.Error(err)
				}
			}()
			var had unix.Rlimit
			pid := cat.Process.Pid
			if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 100, Max: 2000}, &had); err != nil {
				t.Fatal(err)
			}
			sn := sketchOf(drawProgram(int32(pid), name, 100, 100))
			sn.Processes[int32(pid)].FDHard = 2000
			sn.System.Settings["fs.nr_open"] = "1000"
			for _, r := range remedies(t, sn.Processes[int32(pid)].PID, examine(nil, sn, nil)) {
				if out, err := exec.Command("sh", "-c", r).CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %s", r, err, out)
				}
				var now unix.Rlimit
				if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now); err != nil {
					t.Fatal(err)
				}
				if now != (unix.Rlimit{Cur: 1000, Max: 2000}) {
					t.Errorf("%s: the limits are %+v", r, now)
				}
			}
		})
	}
}

// remedies are the prlimit commands of the finding about a process, in each language.
func remedies(t *testing.T, pid int32, x *examination) (commands []string) {
	t.Helper()
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fdExhaustion(x) {
			got, err := x.inWords(f, book)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range got.Remedies {
				if c := string(r.Command); strings.HasPrefix(c, fmt.Sprintf("prlimit --pid %d ", pid)) {
					commands = append(commands, c)
					if text := r.Title + r.Detail; strings.Contains(text, "LimitNOFILE=") && !strings.Contains(text, "LimitNOFILE=1000:2000") {
						t.Errorf("%s: the unit's line lowers the hard limit: %s", lang, text)
					}
				}
			}
		}
	}
	if len(commands) != 2 {
		t.Fatalf("commands %q", commands)
	}
	return commands
}

// What is not known is not set, and what is lower is raised.
func TestLimitArgs(t *testing.T) {
	for _, c := range []struct {
		soft, hard    uint64
		prlimit, unit string
	}{
		{65536, 0, "", "65536"},
		{65536, 1024, "65536:65536", "65536"},
		{65536, 65536, "65536:65536", "65536"},
		{65536, 524288, "65536:", "65536:524288"},
		{65536, 1<<64 - 1, "65536:", "65536:infinity"},
	} {
		if p, u := limitArgs(c.soft, c.hard); p != c.prlimit || u != c.unit {
			t.Errorf("%d of %d: %q and %q", c.soft, c.hard, p, u)
		}
	}
}
