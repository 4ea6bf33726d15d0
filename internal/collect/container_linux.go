package collect

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// containerNames looks up what people call a container, in the files that its
// engine keeps. They belong to root: without it, or from inside a container,
// there are no names.
type containerNames struct {
	root   string                    // "/", or a fixture
	podman func() map[string]string  // id → name
	mu     sync.Mutex                // guards known
	known  map[string]host.Container // id → as found
}

// maxState bounds the size of an engine's file.
const maxState = 4 << 20

func newContainerNames(root string) *containerNames {
	c := &containerNames{root: root, known: map[string]host.Container{}}
	c.podman = sync.OnceValue(c.podmanNames)
	return c
}

// find fills in the name, and the engine where the cgroup path left it open.
func (c *containerNames) find(in *host.Container) {
	c.mu.Lock()
	found, ok := c.known[in.ID]
	c.mu.Unlock()
	if !ok {
		found = c.lookUp(*in)
		c.mu.Lock()
		c.known[in.ID] = found
		c.mu.Unlock()
	}
	in.Name, in.Engine = found.Name, found.Engine
}

func (c *containerNames) lookUp(in host.Container) host.Container {
	anyEngine := in.Engine == "" || in.Engine == "kubernetes"
	if in.Engine == "docker" || anyEngine {
		if name := c.dockerName(in.ID); name != "" {
			in.Name, in.Engine = name, "docker"
			return in
		}
	}
	if in.Engine == "podman" || in.Engine == "crio" || in.Engine == "" {
		if name := c.podman()[in.ID]; name != "" {
			in.Name = name
			if in.Engine == "" {
				in.Engine = "podman"
			}
			return in
		}
	}
	if in.Engine == "containerd" || anyEngine {
		if name := c.containerdName(in.ID); name != "" {
			in.Name, in.Engine = name, "containerd"
		}
	}
	return in
}

// dockerName reads what dockerd keeps of each container (moby,
// daemon/container.go, Container.Name: with a leading slash).
func (c *containerNames) dockerName(id string) string {
	var state struct{ Name string }
	c.decode("var/lib/docker/containers", path.Join(id, "config.v2.json"), &state)
	return cleanName(strings.TrimPrefix(state.Name, "/"))
}

// containerdName reads the bundle of a running task, where Kubernetes
// (pkg/annotations of containerd's CRI plug-in) and nerdctl note the name.
func (c *containerNames) containerdName(id string) string {
	for _, bundle := range []string{
		"run/containerd/io.containerd.runtime.v2.task/k8s.io",
		"run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
		"run/containerd/io.containerd.runtime.v2.task/default",
	} {
		var spec struct{ Annotations map[string]string }
		c.decode(bundle, path.Join(id, "config.json"), &spec)
		for _, key := range []string{"io.kubernetes.cri.container-name", "nerdctl/name"} {
			if name := cleanName(spec.Annotations[key]); name != "" {
				return name
			}
		}
	}
	return ""
}

// podmanNames reads the lists of containers/storage, which Podman and CRI-O
// share (store.go, rootContainer: id and names).
func (c *containerNames) podmanNames() map[string]string {
	names := map[string]string{}
	for _, file := range []string{"containers.json", "volatile-containers.json"} {
		var list []struct {
			ID    string   `json:"id"`
			Names []string `json:"names"`
		}
		c.decode("var/lib/containers/storage/overlay-containers", file, &list)
		for _, item := range list {
			if len(item.Names) > 0 && isHexID(item.ID) {
				names[item.ID] = cleanName(item.Names[0])
			}
		}
	}
	return names
}

// decode reads a JSON file inside an engine's directory into v, which stays as
// it is when there is none. The directory may be reached by a link, as
// administrators move it; from there on no link leads out of it.
func (c *containerNames) decode(dir, name string, v any) {
	root, err := os.OpenRoot(path.Join(c.root, dir))
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || info.Mode()&fs.ModeType != 0 || info.Size() > maxState {
		return
	}
	if data, err := io.ReadAll(io.LimitReader(f, maxState)); err == nil {
		_ = json.Unmarshal(data, v) // half written or foreign: no name
	}
}

// cleanName lets only those names pass that an engine would accept.
func cleanName(name string) string {
	if len(name) > 255 || strings.ContainsFunc(name, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("_.-", c)
	}) {
		return ""
	}
	return name
}
