package diagnose

import (
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestApplicationCap(t *testing.T) {
	const pg = "10.0.0.1:5432"
	server := func(s *scene, rt host.Runtime, clients int, cmdline ...string) {
		s.process(8, string(rt), rt, cmdline...)
		s.listens("0.0.0.0:5432", 8, 0, 200)
		s.stays(nil, s.accepted(clients, tcp.Established, pg, 8, nil)...)
	}
	runScenes(t, applicationCap, []sceneCase{
		{name: "named on the command line", build: func(s *scene) {
			server(s, host.PostgreSQL, 200, "postgres", "-D", "/data", "-c", "max_connections=200")
		}, want: []judged{{Warning, Proven, 8, "clients named"}}},
		{name: "named, one glance", single: true, build: func(s *scene) {
			server(s, host.Memcached, 64, "memcached", "-u", "nobody", "-c", "64")
		}, want: []judged{{Warning, Likely, 8, "clients named"}}},
		{name: "the default, ordinary clients", build: func(s *scene) {
			server(s, host.PostgreSQL, 97, "postgres", "-D", "/data")
		}, want: []judged{{Notice, Possible, 8, "clients default"}}},
		{name: "the default, and clients turned away", build: func(s *scene) {
			server(s, host.MySQL, 151, "mysqld")
			s.comes(s.accepted(4, tcp.TimeWait, pg, 0, nil)...)
		}, want: []judged{{Notice, Likely, 8, "clients default turned-away"}}},

		{name: "H24: below", build: func(s *scene) { server(s, host.PostgreSQL, 96, "postgres") }},
		{name: "H24: above the default: it was raised", build: func(s *scene) { server(s, host.PostgreSQL, 140, "postgres") }},
		{name: "a raised limit far away", build: func(s *scene) {
			server(s, host.PostgreSQL, 100, "postgres", "-N", "500")
		}},
		{name: "passing by the number", build: func(s *scene) {
			server(s, host.PostgreSQL, 90, "postgres")
			s.comes(s.accepted(10, tcp.Established, pg, 8, nil)...)
		}},
		{name: "a server whose limit stands in its configuration", build: func(s *scene) {
			server(s, host.Nginx, 512, "nginx")
		}},
	})
}

func TestServerCapNamed(t *testing.T) {
	for _, c := range []struct {
		runtime host.Runtime
		cmdline []string
		want    int
	}{
		{host.PostgreSQL, []string{"postgres", "-N", "300"}, 300},
		{host.PostgreSQL, []string{"postgres", "-N300"}, 300},
		{host.PostgreSQL, []string{"postgres", "--max_connections=50"}, 50},
		{host.PostgreSQL, []string{"postgres", "-c", "max_connections=50", "-c", "max_connections=60"}, 60},
		{host.PostgreSQL, []string{"postgres", "-c", "shared_buffers=1GB"}, 0},
		{host.MySQL, []string{"mysqld", "--max-connections=800"}, 800},
		{host.Redis, []string{"redis-server", "--maxclients", "20"}, 20},
		{host.Memcached, []string{"memcached", "-c", "4096"}, 4096},
		{host.Memcached, []string{"memcached", "-c"}, 0},
		{host.Memcached, []string{"memcached", "-c", "99999999999999999999"}, 0},
	} {
		for i := range serverCaps {
			if serverCaps[i].runtime != c.runtime {
				continue
			}
			if got, ok := serverCaps[i].named(c.cmdline); got != c.want || ok != (c.want > 0) {
				t.Errorf("%q: %d %v, want %d", c.cmdline, got, ok, c.want)
			}
		}
	}
}
