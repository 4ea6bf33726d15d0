package collect

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fixture lays out testdata/NAME as a proc file system. Links, which not every
// copy of a source tree keeps, stand in its file "links": path, tab, target.
func fixture(t *testing.T, name string) procFS {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	links, err := os.ReadFile(filepath.Join(root, "links"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(links)) {
		path, target, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	return procFS{root: root, statfs: func(path string, s *unix.Statfs_t) error {
		if path == "/x" {
			return unix.ENOTDIR
		}
		*s = unix.Statfs_t{Blocks: 1000, Bfree: 150, Bavail: 100, Frsize: 4096, Files: 50, Ffree: uint64(len(path))}
		return nil
	}}
}

// golden compares what was read, as JSON, with testdata/NAME.golden.json.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	path := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// spots lists the codes and subjects of what was not seen.
func spots(r *blindness) (out []string) {
	for _, s := range r.spots {
		out = append(out, strings.TrimSpace(s.Code+" "+s.Subject))
	}
	return out
}

func TestFixtures(t *testing.T) {
	pids := map[string][]int32{
		"proc-6.18": {812, 900, 1001, 1002, 2, 77, 78, 79},
		"proc-3.10": {4000},
	}
	for name, pids := range pids {
		t.Run(name, func(t *testing.T) {
			p := fixture(t, name)
			var r blindness
			var got struct {
				NetNS      host.NetNS
				System     host.System
				Processes  []*host.Process
				FDPressure []int32
				NotSeen    []string
			}
			got.NetNS.Inode = 4026531840
			p.netNS(&got.NetNS, &r)
			got.System = p.system(&r)
			p.initialNetNS(&got.System, &r)
			got.System.PageSize = 4096 // the testing machine's own
			ps := newDescriber(p, time.Unix(1_700_000_000, 0).UTC())
			ps.users = func() map[uint32]string { return map[uint32]string{33: "www-data", 1000: "app"} }
			ps.names = newContainerNames(t.TempDir())
			for _, pid := range pids {
				got.Processes = append(got.Processes, ps.read(pid, &r))
			}
			got.FDPressure = p.fdPressure(&r)
			got.NotSeen = spots(&r)
			golden(t, name, got)
		})
	}
}
