package host

import "time"

// Process is a program that runs. What could not be read is zero; FDs and
// FDLimit are pointers because 0 is a possible count.
type Process struct {
	PID        int32
	PPID       int32
	Started    time.Time
	StartTicks uint64 // field 22 of /proc/PID/stat, on Windows a FILETIME: with PID it identifies the process for ever

	Name       string // comm, hostile: may hold any byte
	Exe        string // path as the kernel names it, without " (deleted)"
	ExeDeleted bool
	Cmdline    []string
	UID        uint32
	User       string // "" when the uid has no name

	NetNS     uint64
	Cgroup    string // path in the unified (or systemd) hierarchy
	Unit      string // systemd unit: "shop.service"
	Container *Container
	Runtime   Runtime // what kind of program it is: "jvm", "nginx", …; "" unknown

	FDs     *uint64 // open file descriptors
	FDLimit *uint64 // soft RLIMIT_NOFILE
	FDHard  uint64  // hard RLIMIT_NOFILE, which the soft one may be raised to; 0 unknown
	Sockets int     // TCP sockets among its descriptors, in any state
	UDP     int     // UDP sockets among its descriptors; -1 when not counted
}

// Container is what the cgroup path tells of the container of a process.
type Container struct {
	ID     string // full id
	Name   string // "" when only the id is known
	Engine string // "docker", "containerd", "podman", "crio", "lxc", "kubernetes"
	PodUID string // Kubernetes pod uid, "" outside Kubernetes
}

// Runtime names what runs a program; it selects the advice that a remedy gives.
type Runtime string

// Runtimes that advice exists for.
const (
	JVM        Runtime = "jvm"
	Go         Runtime = "go"
	Node       Runtime = "node"
	Python     Runtime = "python"
	DotNet     Runtime = "dotnet"
	PHP        Runtime = "php"
	Ruby       Runtime = "ruby"
	Perl       Runtime = "perl"
	Erlang     Runtime = "erlang"
	Rust       Runtime = "rust"
	Nginx      Runtime = "nginx"
	Apache     Runtime = "apache"
	HAProxy    Runtime = "haproxy"
	Envoy      Runtime = "envoy"
	Traefik    Runtime = "traefik"
	PostgreSQL Runtime = "postgresql"
	MySQL      Runtime = "mysql"
	Redis      Runtime = "redis"
	Memcached  Runtime = "memcached"
	MongoDB    Runtime = "mongodb"
	Docker     Runtime = "docker-proxy"
	Curl       Runtime = "curl"
)
