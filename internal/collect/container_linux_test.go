package collect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

func TestContainerNames(t *testing.T) {
	id := func(c string) string { return strings.Repeat(c, 64) }
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const docker = "var/lib/docker/containers/"
	write(docker+id("a")+"/config.v2.json", `{"ID":"x","Name":"/shop","State":{"Pid":812}}`)
	write(docker+id("b")+"/config.v2.json", `{"Name":`)
	write(docker+id("c")+"/config.v2.json", `{"Name":"/\u001b[31mred"}`)
	write(docker+id("d")+"/config.v2.json", `{"Name":["/x"]}`)
	write(docker+id("e")+"/config.v2.json", `{"Name":"/big","Pad":"`+strings.Repeat("x", maxState)+`"}`)
	write("outside.json", `{"Name":"/outside"}`)
	if err := os.MkdirAll(filepath.Join(root, docker, id("f")), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../../outside.json", filepath.Join(root, docker, id("f"), "config.v2.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, docker, id("0")), 0o755); err != nil {
		t.Fatal(err)
	}
	// Opening a pipe that nobody writes to would wait for ever.
	if err := unix.Mkfifo(filepath.Join(root, docker, id("0"), "config.v2.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("var/lib/containers/storage/overlay-containers/containers.json",
		`[{"id":"`+id("1")+`","names":["web","alias"],"layer":"x"},{"id":"`+id("2")+`","names":[]},{"id":"../x","names":["y"]}]`)
	write("var/lib/containers/storage/overlay-containers/volatile-containers.json", `[{"id":"`+id("3")+`","names":["brief"]}]`)
	write("run/containerd/io.containerd.runtime.v2.task/k8s.io/"+id("4")+"/config.json",
		`{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.container-name":"api"}}`)
	write("run/containerd/io.containerd.runtime.v2.task/default/"+id("5")+"/config.json", `{"annotations":{"nerdctl/name":"db"}}`)

	tests := []struct{ label, id, engine, name, after string }{
		{"docker", id("a"), "docker", "shop", "docker"},
		{"docker under a group of its own", id("a"), "", "shop", "docker"},
		{"half written", id("b"), "docker", "", "docker"},
		{"name that no engine accepts", id("c"), "docker", "", "docker"},
		{"wrong type", id("d"), "docker", "", "docker"},
		{"too large", id("e"), "docker", "", "docker"},
		{"link out of the directory", id("f"), "docker", "", "docker"},
		{"pipe", id("0"), "docker", "", "docker"},
		{"podman", id("1"), "podman", "web", "podman"},
		{"podman without a name", id("2"), "podman", "", "podman"},
		{"podman --rm", id("3"), "podman", "brief", "podman"},
		{"kubernetes", id("4"), "kubernetes", "api", "containerd"},
		{"nerdctl", id("5"), "containerd", "db", "containerd"},
		{"unknown", id("6"), "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			names := newContainerNames(root)
			want := &host.Container{ID: tt.id, Engine: tt.after, Name: tt.name}
			for range 2 { // the second time from memory
				got := &host.Container{ID: tt.id, Engine: tt.engine}
				names.find(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}
