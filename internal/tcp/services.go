package tcp

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Services translates between TCP port numbers and service names. The zero
// value and nil know the common services only. It is read-only once made.
type Services struct {
	ports map[string]uint16
	names map[uint16]string
}

// commonServices are the names that must work without a services file
// (containers rarely have one): IANA's names, and the aliases of services(5)
// that people type.
var commonServices = []struct {
	name string
	port uint16
}{
	{"ftp-data", 20}, {"ftp", 21}, {"ssh", 22}, {"telnet", 23}, {"smtp", 25}, {"mail", 25},
	{"domain", 53}, {"dns", 53}, {"http", 80}, {"www", 80}, {"kerberos", 88}, {"pop3", 110},
	{"sunrpc", 111}, {"portmapper", 111}, {"auth", 113}, {"ident", 113}, {"ntp", 123},
	{"epmap", 135}, {"netbios-ssn", 139}, {"imap2", 143}, {"imap", 143}, {"snmp", 161}, {"bgp", 179},
	{"ldap", 389}, {"https", 443}, {"microsoft-ds", 445}, {"submissions", 465}, {"smtps", 465},
	{"printer", 515}, {"ipp", 631}, {"submission", 587}, {"ldaps", 636}, {"domain-s", 853},
	{"rsync", 873}, {"ftps-data", 989}, {"ftps", 990}, {"imaps", 993}, {"pop3s", 995},
	{"socks", 1080}, {"ms-sql-s", 1433}, {"mssql", 1433}, {"oracle", 1521}, {"mqtt", 1883},
	{"nfs", 2049}, {"etcd-client", 2379}, {"etcd-server", 2380}, {"mysql", 3306}, {"mariadb", 3306},
	{"ms-wbt-server", 3389}, {"rdp", 3389}, {"iscsi-target", 3260}, {"nats", 4222}, {"sip", 5060},
	{"postgresql", 5432}, {"postgres", 5432}, {"amqps", 5671}, {"amqp", 5672}, {"kibana", 5601},
	{"x11", 6000}, {"redis", 6379}, {"kubernetes-api", 6443}, {"http-alt", 8080}, {"kafka", 9092},
	{"prometheus", 9090}, {"elasticsearch", 9200}, {"memcache", 11211}, {"memcached", 11211},
	{"mongodb", 27017},
}

// ReadServices reads services(5): "http 80/tcp www # comment" a line. Lines that
// are none, and services of other protocols, are skipped. The common services
// fill what the file leaves open. The error is the reader's.
func ReadServices(r io.Reader) (*Services, error) {
	s := &Services{ports: map[string]uint16{}, names: map[uint16]string{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, isTCP := strings.CutSuffix(fields[1], "/tcp")
		port, err := strconv.ParseUint(number, 10, 16)
		if !isTCP || err != nil || port == 0 {
			continue
		}
		s.add(fields[0], uint16(port))
		for _, alias := range fields[2:] {
			s.add(alias, uint16(port))
		}
	}
	return s, lines.Err()
}

// add keeps the first name of a port and the first port of a name, as
// getservbyport(3) and getservbyname(3) find them.
func (s *Services) add(name string, port uint16) {
	name = strings.ToLower(name)
	if _, taken := s.ports[name]; !taken {
		s.ports[name] = port
	}
	if _, taken := s.names[port]; !taken {
		s.names[port] = name
	}
}

// Port returns the port of a service; case does not matter.
func (s *Services) Port(name string) (port uint16, ok bool) {
	name = strings.ToLower(name)
	if s != nil {
		if port, ok = s.ports[name]; ok {
			return port, true
		}
	}
	for _, c := range commonServices {
		if c.name == name {
			return c.port, true
		}
	}
	return 0, false
}

// Name returns the service of a port.
func (s *Services) Name(port uint16) (name string, ok bool) {
	if s != nil {
		if name, ok = s.names[port]; ok {
			return name, true
		}
	}
	for _, c := range commonServices {
		if c.port == port {
			return c.name, true
		}
	}
	return "", false
}
