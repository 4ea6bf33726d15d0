package host

import "testing"

func TestRuntimeOf(t *testing.T) {
	tests := []struct {
		label   string
		name    string
		exe     string
		cmdline []string
		libs    []string
		want    Runtime
	}{
		{"java", "java", "/usr/lib/jvm/java-17-openjdk-amd64/bin/java", []string{"java", "-jar", "shop.jar"}, nil, JVM},
		{"jsvc", "jsvc", "/usr/bin/jsvc", nil, nil, JVM},
		{"versioned python", "gunicorn", "/usr/bin/python3.11", []string{"gunicorn: worker [shop]"}, nil, Python},
		{"free-threaded python", "python3.13t", "/opt/py/bin/python3.13t", nil, nil, Python},
		{"debug python", "python3-dbg", "/usr/bin/python3.11-dbg", nil, nil, Python},
		{"pypy", "pypy3", "/usr/bin/pypy3.10", nil, nil, Python},
		{"node", "MainThread", "/usr/local/bin/node", nil, nil, Node},
		{"php-fpm pool", "php-fpm8.2", "/usr/sbin/php-fpm8.2", []string{"php-fpm: pool www"}, nil, PHP},
		{"php cli", "php", "/usr/bin/php8.3", nil, nil, PHP},
		{"php-fpm of rpm packages", "php-fpm", "/opt/remi/php82/root/usr/sbin/php-fpm", nil, nil, PHP},
		{"ruby", "ruby3.1", "/usr/bin/ruby3.1", nil, nil, Ruby},
		{"perl", "starman", "/usr/bin/perl5.36.0", nil, nil, Perl},
		{"erlang", "beam.smp", "/usr/lib/erlang/erts-13.1.5/bin/beam.smp", nil, nil, Erlang},
		{"dotnet", "dotnet", "/usr/share/dotnet/dotnet", nil, nil, DotNet},
		{"nginx worker", "nginx", "/usr/sbin/nginx", []string{"nginx: worker process"}, nil, Nginx},
		{"apache2", "apache2", "/usr/sbin/apache2", nil, []string{"/usr/lib/apache2/modules/libphp8.2.so"}, Apache},
		{"httpd", "httpd", "/usr/sbin/httpd", nil, nil, Apache},
		{"haproxy", "haproxy", "/usr/sbin/haproxy", nil, nil, HAProxy},
		{"envoy", "envoy", "/usr/local/bin/envoy", nil, nil, Envoy},
		{"traefik", "traefik", "/usr/local/bin/traefik", nil, nil, Traefik},
		{"postgres", "postgres", "/usr/lib/postgresql/15/bin/postgres", []string{"postgres: app shop [local] idle"}, nil, PostgreSQL},
		{"mysqld", "mysqld", "/usr/sbin/mysqld", nil, nil, MySQL},
		{"mariadbd", "mariadbd", "/usr/sbin/mariadbd", nil, nil, MySQL},
		{"redis", "redis-server", "/usr/bin/redis-server", nil, nil, Redis},
		{"redis as Debian installs it", "redis-server", "/usr/bin/redis-check-rdb", []string{"/usr/bin/redis-server 127.0.0.1:6379"}, nil, Redis},
		{"valkey", "valkey-server", "/usr/bin/valkey-server", nil, nil, Redis},
		{"memcached", "memcached", "/usr/bin/memcached", nil, nil, Memcached},
		{"mongod", "mongod", "/usr/bin/mongod", nil, nil, MongoDB},
		{"docker-proxy", "docker-proxy", "/usr/bin/docker-proxy", nil, nil, Docker},
		{"curl", "curl", "/usr/bin/curl", nil, nil, Curl},
		{"wget", "wget", "/usr/bin/wget2", nil, nil, Curl},
		{"applet", "wget", "/bin/busybox", []string{"wget", "-q", "http://10.0.0.1/"}, nil, Curl},
		{"applet that is none", "sh", "/bin/busybox", []string{"sh"}, nil, ""},

		{"comm lies", "java", "/tmp/.x/miner", []string{"java"}, nil, ""},
		{"title lies", "nginx", "/tmp/.x/miner", []string{"nginx: worker process"}, nil, ""},
		{"exe unknown: title", "postgres", "", []string{"postgres: app shop 10.0.0.7(52114) idle"}, nil, PostgreSQL},
		{"exe unknown: nginx title", "nginx", "", []string{"nginx: master process /usr/sbin/nginx -g daemon on;"}, nil, Nginx},
		{"exe unknown: title with an address", "redis-server", "", []string{"/usr/bin/redis-server 127.0.0.1:6379"}, nil, Redis},
		{"exe unknown: interpreter", "MainThread", "", []string{"/usr/bin/node", "app.js"}, nil, Node},
		{"exe unknown: comm", "haproxy", "", nil, nil, HAProxy},
		{"pasted Windows name", "java.exe", "", nil, nil, JVM},
		{"Windows path", "", `C:\Program Files\nodejs\Node.EXE`, nil, nil, Node},

		{"embedded JVM", "launcher", "/opt/shop/launcher", nil, []string{"/lib/libc.so.6", "/opt/jre/lib/server/libjvm.so"}, JVM},
		{"apphost", "Shop.Api", "/srv/Shop.Api", nil, []string{"/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so"}, DotNet},
		{"uwsgi with python", "uwsgi", "/usr/bin/uwsgi-core", nil, []string{"/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"}, Python},
		{"passenger with ruby", "agent", "/usr/lib/passenger/agent", nil, []string{"/usr/lib/libruby-3.1.so.3.1"}, Ruby},
		{"embedded node", "app", "/opt/app", nil, []string{"/usr/lib/libnode.so.108"}, Node},
		{"embedded php", "unitd", "/usr/sbin/unitd", nil, []string{"/usr/lib/libphp8.2.so"}, PHP},
		{"JVM that loads python", "x", "/opt/x", nil, []string{"/usr/lib/libpython3.11.so", "/opt/jre/libjvm.so"}, JVM},
		{"data file named like a library", "x", "/opt/x", nil, []string{"/srv/libruby/readme.txt", "/srv/libphp"}, ""},
		{"perl embedded is no perl program", "snmpd", "/usr/sbin/snmpd", nil, []string{"/usr/lib/libperl.so.5.36"}, ""},

		{"nothing", "", "", nil, nil, ""},
		{"slashes only", "/", "///", []string{"/"}, []string{"/"}, ""},
		{"digits only", "3.11", "/usr/bin/3.11", nil, nil, ""},
		{"hostile bytes", "\x1b[31mjava", "", []string{"\xff\xfe"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			if got := RuntimeOf(tt.name, tt.exe, tt.cmdline, tt.libs); got != tt.want {
				t.Errorf("RuntimeOf(%q, %q, %q, %q) = %q, want %q", tt.name, tt.exe, tt.cmdline, tt.libs, got, tt.want)
			}
		})
	}
}
