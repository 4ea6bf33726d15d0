package host

import "strings"

// programs are the runtimes by the base name of the executable, without ".exe"
// and without the version that distributions append ("python3.11", "php-fpm8.2").
var programs = map[string]Runtime{
	"java": JVM, "javaw": JVM, "jsvc": JVM,
	"node": Node, "nodejs": Node,
	"python": Python, "pythonw": Python, "pypy": Python,
	"dotnet": DotNet, "mono": DotNet, "mono-sgen": DotNet, "w3wp": DotNet,
	"php": PHP, "php-fpm": PHP, "php-cgi": PHP, "lsphp": PHP, "frankenphp": PHP,
	"ruby": Ruby, "truffleruby": Ruby,
	"perl":     Perl,
	"beam.smp": Erlang, "beam": Erlang,
	"nginx": Nginx, "nginx-debug": Nginx, "openresty": Nginx, "angie": Nginx, "tengine": Nginx,
	"apache2": Apache, "apache": Apache, "httpd": Apache,
	"haproxy": HAProxy, "envoy": Envoy, "traefik": Traefik,
	"postgres": PostgreSQL, "postmaster": PostgreSQL, "edb-postgres": PostgreSQL,
	"mysqld": MySQL, "mysqld-debug": MySQL, "mariadbd": MySQL,
	"redis-server": Redis, "redis-sentinel": Redis, "valkey-server": Redis,
	"valkey-sentinel": Redis, "keydb-server": Redis,
	// One file, several names: Debian's redis-server is a link to redis-check-rdb,
	// so that is what the kernel calls a running server.
	"redis-check-rdb": Redis, "redis-check-aof": Redis, "valkey-check-rdb": Redis, "valkey-check-aof": Redis,
	"memcached": Memcached,
	"mongod":    MongoDB, "mongos": MongoDB,
	"docker-proxy": Docker,
	"curl":         Curl, "wget": Curl,
}

// libraries are the runtimes that a program embeds, by the beginning of the
// file name of a shared library it has mapped. The order decides where several
// are mapped: a JVM or .NET host that loads Python for a plug-in stays what it is.
// libperl is absent on purpose: editors and snmpd map it and are no Perl programs.
var libraries = []struct {
	prefix  string
	runtime Runtime
}{
	{"libjvm.so", JVM},
	{"libcoreclr.so", DotNet}, {"libmonosgen-", DotNet},
	{"libnode.so", Node},
	{"libphp", PHP},
	{"libruby", Ruby},
	{"libpython2", Python}, {"libpython3", Python},
}

// RuntimeOf tells what kind of program a process is, "" when nothing tells.
// The executable's base name decides; name (comm) and cmdline, which every
// process may set as it likes, count only where exe is "" (not readable, or a
// paste that has none). libs are paths of mapped files, read when the
// executable alone does not decide.
func RuntimeOf(name, exe string, cmdline []string, libs []string) Runtime {
	if exe != "" {
		base := baseName(exe)
		// One file with many names: the name it was called by is all there is.
		if (base == "busybox" || base == "toybox") && len(cmdline) > 0 {
			base = baseName(cmdline[0])
		}
		if rt := byProgram(base); rt != "" {
			return rt
		}
		return byLibraries(libs)
	}
	if len(cmdline) > 0 {
		// "postgres: app shop 10.0.0.7(52114) idle", "nginx: worker process",
		// "php-fpm: pool www", "/usr/bin/redis-server 127.0.0.1:6379"
		first, _, _ := strings.Cut(cmdline[0], " ")
		if rt := byProgram(baseName(strings.TrimSuffix(first, ":"))); rt != "" {
			return rt
		}
	}
	if rt := byProgram(baseName(name)); rt != "" {
		return rt
	}
	return byLibraries(libs)
}

func byProgram(base string) Runtime {
	if n := len(base) - len(".exe"); n > 0 && strings.EqualFold(base[n:], ".exe") {
		base = strings.ToLower(base[:n])
	}
	if rt, ok := programs[base]; ok {
		return rt
	}
	if rt, ok := programs[strings.TrimRight(strings.TrimRight(base, "0123456789."), "-")]; ok {
		return rt
	}
	// Builds of CPython carry flags after the version: python3.13t, python3.11-dbg.
	if v, ok := strings.CutPrefix(base, "python"); ok && v != "" && v[0] >= '2' && v[0] <= '9' {
		return Python
	}
	return ""
}

func byLibraries(libs []string) Runtime {
	found := len(libraries)
	for _, lib := range libs {
		base := baseName(lib)
		if !strings.Contains(base, ".so") {
			continue
		}
		for i, l := range libraries[:found] {
			if strings.HasPrefix(base, l.prefix) {
				found = i
				break
			}
		}
	}
	if found == len(libraries) {
		return ""
	}
	return libraries[found].runtime
}

// baseName is what follows the last slash of either kind: pasted Windows paths
// come here too.
func baseName(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}
