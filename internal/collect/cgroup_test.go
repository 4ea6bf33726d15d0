package collect

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
)

const (
	idA  = "8d3c1f6b0a9e4d7c8d3c1f6b0a9e4d7c8d3c1f6b0a9e4d7c8d3c1f6b0a9e4d7c"
	idB  = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	uidA = "6d1f3f1c-9a3b-4f0e-8a57-0b1c2d3e4f50"
)

func TestUnitOf(t *testing.T) {
	tests := []struct{ path, want string }{
		{"/system.slice/shop.service", "shop.service"},
		{"/system.slice/shop.service/worker", "shop.service"},
		{"/system.slice/shop.service/inner.scope", "shop.service"},
		{"/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service"},
		{`/system.slice/system-app.slice/app@web\x2d1.service`, `app@web\x2d1.service`},
		{"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-shop.service", "app-shop.service"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope", "vte-spawn-1.scope"},
		{"/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope"},
		{"/user.slice/user-1000.slice/user@1000.service", "user@1000.service"},
		{"/init.scope", "init.scope"},
		{"/system.slice/_cpu.service", "cpu.service"},
		{"/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "systemd-nspawn@web.service"},
		{"/../../system.slice/shop.service", "shop.service"},
		{"/system.slice/docker-" + idA + ".scope", ""},
		{"/docker/" + idA + "/system.slice/nginx.service", ""}, // a unit inside: not the host's
		{"/lxc.payload.web/system.slice/nginx.service", ""},
		{"/", ""},
		{"", ""},
		{"/system.slice", ""},
		{"/.service", ""},
		{"/@x.service", ""},
		{"/a b.service", ""},
		{"/\xff\x1b[m.service", ""},
		{"/" + strings.Repeat("a", 300) + ".service", ""},
	}
	for _, tt := range tests {
		if got := unitOf(tt.path); got != tt.want {
			t.Errorf("unitOf(%q) = %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestContainerOf(t *testing.T) {
	under := strings.ReplaceAll(uidA, "-", "_")
	static := strings.ReplaceAll(uidA, "-", "")
	tests := []struct {
		path string
		want *host.Container
	}{
		{"/docker/" + idA, &host.Container{ID: idA, Engine: "docker"}},
		{"/system.slice/docker-" + idA + ".scope", &host.Container{ID: idA, Engine: "docker"}},
		{"/../../docker-" + idA + ".scope", &host.Container{ID: idA, Engine: "docker"}},
		{"/docker/" + idA + "/system.slice/nginx.service", &host.Container{ID: idA, Engine: "docker"}},
		{"/docker/" + idA + "/docker/" + idB, &host.Container{ID: idB, Engine: "docker"}},
		{"/ecs/0123/" + idA, &host.Container{ID: idA, Engine: "docker"}},
		{"/custom/" + idA, &host.Container{ID: idA}},
		{"/default/" + idA, &host.Container{ID: idA, Engine: "containerd"}},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/cri-containerd-" + idA + ".scope",
			&host.Container{ID: idA, Engine: "containerd", PodUID: uidA}},
		{"/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + idA + ".scope/container",
			&host.Container{ID: idA, Engine: "crio", PodUID: uidA}},
		{"/kubepods/burstable/pod" + uidA + "/" + idA, &host.Container{ID: idA, Engine: "kubernetes", PodUID: uidA}},
		{"/kubepods/pod" + static + "/crio-" + idA, &host.Container{ID: idA, Engine: "crio", PodUID: static}},
		{"/docker/" + idB + "/kubelet/kubepods/besteffort/pod" + uidA + "/" + idA, &host.Container{ID: idA, Engine: "kubernetes", PodUID: uidA}},
		{"/system.slice/containerd.service/kubepods-burstable-pod" + under + ".slice:cri-containerd:" + idA,
			&host.Container{ID: idA, Engine: "containerd", PodUID: uidA}},
		{"/machine.slice/libpod-" + idA + ".scope/container", &host.Container{ID: idA, Engine: "podman"}},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope", &host.Container{ID: idA, Engine: "podman"}},
		{"/libpod_parent/libpod-" + idA, &host.Container{ID: idA, Engine: "podman"}},
		{"/lxc.payload.web", &host.Container{ID: "web", Name: "web", Engine: "lxc"}},
		{"/lxc.payload.web/system.slice/nginx.service", &host.Container{ID: "web", Name: "web", Engine: "lxc"}},
		{"/lxc/web", &host.Container{ID: "web", Name: "web", Engine: "lxc"}},
		{"/lxc.payload.web/docker/" + idA, &host.Container{ID: idA, Engine: "docker"}},

		{"/machine.slice/libpod-conmon-" + idA + ".scope", nil},
		{"/lxc.monitor.web", nil},
		{"/lxc.payload.", nil},
		{"/system.slice/docker.service", nil},
		{"/docker/" + strings.ToUpper(idA), nil},
		{"/docker/" + idA[:63], nil},
		{"/docker", nil},
		{"/", nil},
		{"", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, containerOf([]string{"/", tt.path})); diff != "" {
			t.Errorf("containerOf(%q) (-want +got):\n%s", tt.path, diff)
		}
	}
}

func TestCgroupPaths(t *testing.T) {
	tests := []struct {
		label, data, primary string
		all                  []string
	}{
		{"unified", "0::/system.slice/shop.service\n", "/system.slice/shop.service",
			[]string{"/system.slice/shop.service", "/system.slice/shop.service"}},
		{"hybrid", "1:name=systemd:/user.slice\n0::/user.slice\n", "/user.slice",
			[]string{"/user.slice", "/user.slice", "/user.slice"}},
		{"unified unused", "9:name=systemd:/docker/x\n0::/\n", "/docker/x", []string{"/docker/x", "/docker/x", "/"}},
		{"no systemd", "4:memory:/docker/x\n", "", []string{"/docker/x"}},
		{"removed", "0::/system.slice/old.service (deleted)\n", "/system.slice/old.service",
			[]string{"/system.slice/old.service", "/system.slice/old.service"}},
		{"colons in the path", "0::/a:b:c\n", "/a:b:c", []string{"/a:b:c", "/a:b:c"}},
		{"garbage", "\n:\n::\n0:\nx::y\n\xff", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			primary, all := cgroupPaths([]byte(tt.data))
			if primary != tt.primary || !cmp.Equal(all, tt.all) {
				t.Errorf("cgroupPaths(%q) = %q, %q; want %q, %q", tt.data, primary, all, tt.primary, tt.all)
			}
		})
	}
}

func FuzzCgroup(f *testing.F) {
	f.Add("0::/system.slice/shop.service\n")
	f.Add("9:name=systemd:/docker/" + idA + "\n0::/\n")
	f.Add("0::/kubepods/burstable/pod" + uidA + "/" + idA)
	f.Add("0::/system.slice/containerd.service/kubepods-pod" + uidA + ".slice:cri-containerd:" + idA)
	f.Add("0::/lxc.payload.a/../_.scope")
	f.Fuzz(func(t *testing.T, data string) {
		primary, all := cgroupPaths([]byte(data))
		if unit := unitOf(primary); unit != "" && !validUnit(unit) {
			t.Errorf("unit %q of %q is none", unit, primary)
		}
		c := containerOf(all)
		if c == nil {
			return
		}
		if c.ID == "" {
			t.Errorf("a container without an id from %q", data)
		}
		// The id becomes part of a path where names are looked up.
		if c.Engine != "lxc" && filepath.Base(c.ID) != c.ID {
			t.Errorf("container id %q is a path", c.ID)
		}
	})
}
