package collect

import (
	"strings"

	"sockeye/internal/host"
)

// cgroupPaths reads /proc/PID/cgroup (lines "hierarchy:controllers:path",
// cgroups(7)). primary is the path in the unified hierarchy, or in systemd's own
// one where the unified is absent or unused ("/"); all holds every path, primary
// first, because old container engines use neither. " (deleted)", which the
// kernel appends when the group was removed under a process, is cut off.
func cgroupPaths(data []byte) (primary string, all []string) {
	var unified, systemd string
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		path := strings.TrimSuffix(parts[2], " (deleted)")
		switch {
		case parts[0] == "0" && parts[1] == "":
			unified = path
		case parts[1] == "name=systemd":
			systemd = path
		}
		all = append(all, path)
	}
	primary = unified
	if (unified == "" || unified == "/") && systemd != "" {
		primary = systemd
	}
	if primary != "" {
		all = append([]string{primary}, all...)
	}
	return primary, all
}

// unitOf names the systemd unit of a cgroup path as systemd itself does
// (cg_path_get_unit and cg_path_get_user_unit, src/basic/cgroup-util.c, v255):
// the first group below the slices, and inside a user manager (user@UID.service)
// the unit of that manager. Groups further down belong to the unit that they are
// in. The scope of a container is not told: nobody manages it by that name, and
// host.Container says what it is. "" when the path is not systemd's.
func unitOf(path string) string {
	unit, rest := firstUnit(pathParts(path))
	if strings.HasPrefix(unit, "user@") && strings.HasSuffix(unit, ".service") {
		if inner, _ := firstUnit(rest); inner != "" {
			unit = inner
		}
	}
	if _, _, ok := prefixedID(unit); ok {
		return ""
	}
	return unit
}

func firstUnit(parts []string) (unit string, rest []string) {
	for i, part := range parts {
		// systemd escapes names that a cgroup file has with a leading '_'.
		part = strings.TrimPrefix(part, "_")
		if strings.HasSuffix(part, ".slice") {
			continue
		}
		if validUnit(part) {
			return part, parts[i+1:]
		}
		return "", nil
	}
	return "", nil
}

// validUnit follows unit_name_is_valid (src/basic/unit-name.c, v255) for the
// types of units that hold processes.
func validUnit(name string) bool {
	if len(name) > 255 {
		return false
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 || name[0] == '@' {
		return false
	}
	switch name[dot:] {
	case ".service", ".scope", ".mount", ".socket", ".swap":
	default:
		return false
	}
	for i := range dot {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune(`:-_.\@`, rune(c)) {
			return false
		}
	}
	return true
}

// pathParts splits a cgroup path. Leading "..", which the kernel shows for
// groups above the reader's cgroup namespace, are left out.
func pathParts(path string) []string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for len(parts) > 0 && (parts[0] == ".." || parts[0] == "") {
		parts = parts[1:]
	}
	return parts
}

// containerOf finds the container that a process runs in, the innermost where
// they are nested, nil when the paths name none. Name is set for LXC only.
func containerOf(paths []string) *host.Container {
	for _, path := range paths {
		if c := containerInPath(pathParts(path)); c != nil {
			return c
		}
	}
	return nil
}

func containerInPath(parts []string) (found *host.Container) {
	pod, kube := "", false
	for i, part := range parts {
		kube = kube || strings.HasPrefix(part, "kubepods")
		parent := ""
		if i > 0 {
			parent = parts[i-1]
		}
		// A slice path in systemd's notation that a cgroupfs driver took for a
		// name: "kubepods-pod1234….slice:cri-containerd:8d3c…"
		slice, rest, joined := strings.Cut(part, ":")
		if uid := podUID(slice); uid != "" {
			pod = uid
			if !joined {
				continue
			}
		}
		if joined {
			runtime, id, _ := strings.Cut(rest, ":")
			if engine, ok := engines[runtime]; ok && isHexID(id) {
				found = &host.Container{ID: id, Engine: engine, PodUID: pod}
			}
			continue
		}
		if engine, id, ok := prefixedID(part); ok {
			found = &host.Container{ID: id, Engine: engine, PodUID: pod}
			continue
		}
		if name, ok := strings.CutPrefix(part, "lxc.payload."); (ok || parent == "lxc") && name != "" {
			found = &host.Container{ID: name, Name: name, Engine: "lxc"}
			continue
		}
		if isHexID(part) {
			found = &host.Container{ID: part, Engine: bareEngine(parent, parts[0], kube), PodUID: pod}
		}
	}
	return found
}

// engines are the prefixes of container groups, of scopes ("docker-<id>.scope",
// systemd driver) and of plain groups ("crio-<id>", cgroupfs driver).
var engines = map[string]string{
	"docker":         "docker",
	"cri-containerd": "containerd",
	"nerdctl":        "containerd",
	"crio":           "crio",
	"libpod":         "podman",
	"libpod-payload": "podman",
}

// prefixedID takes "libpod-<id>.scope" apart. The monitors beside the containers
// ("libpod-conmon-<id>.scope", "crio-conmon-<id>.scope") are no containers.
func prefixedID(part string) (engine, id string, ok bool) {
	part = strings.TrimSuffix(part, ".scope")
	dash := strings.LastIndexByte(part, '-')
	if dash < 1 || !isHexID(part[dash+1:]) {
		return "", "", false
	}
	engine, ok = engines[part[:dash]]
	return engine, part[dash+1:], ok
}

// bareEngine tells who makes groups that are named by the id alone; "" when the
// parent group was chosen by somebody (docker run --cgroup-parent).
func bareEngine(parent, top string, kube bool) string {
	switch {
	case kube:
		return "kubernetes"
	case parent == "docker", top == "ecs":
		return "docker"
	case parent == "libpod_parent":
		return "podman"
	case parent == "default":
		return "containerd"
	}
	return ""
}

// podUID reads the pod's uid from its group: "pod6d1f…" or
// "kubepods-burstable-pod6d1f_….slice", where '_' stands for the '-' that
// systemd's slices use otherwise. Static pods have 32 digits without any.
func podUID(part string) string {
	part = strings.TrimSuffix(part, ".slice")
	if i := strings.LastIndex(part, "-pod"); i >= 0 && strings.HasPrefix(part, "kubepods") {
		part = part[i+1:]
	}
	uid, ok := strings.CutPrefix(part, "pod")
	if !ok || len(uid) != 32 && len(uid) != 36 {
		return ""
	}
	uid = strings.ReplaceAll(uid, "_", "-")
	if strings.Trim(uid, "0123456789abcdef-") != "" {
		return ""
	}
	return uid
}

// isHexID reports whether s is a full container id: 64 lower-case hex digits.
// It may then be used in a path.
func isHexID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
