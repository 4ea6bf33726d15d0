package tcp

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadServices(t *testing.T) {
	const file = `
# a comment
http		80/tcp		www	# WorldWideWeb HTTP
domain		53/udp
shop		4242/tcp	Laden
second		4242/tcp
bad line
nothing/tcp
zero		0/tcp
big		70000/tcp
https		8443/tcp
`
	s, err := ReadServices(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]uint16{
		"http": 80, "WWW": 80, "shop": 4242, "laden": 4242, "second": 4242,
		"domain": 53,   // of the table: the file's is UDP
		"https":  8443, // the file wins
		"zero":   0, "big": 0, "bad": 0, "nothing": 0, "": 0,
	}
	for name, want := range ports {
		got, ok := s.Port(name)
		if got != want || ok != (want != 0) {
			t.Errorf("Port(%q) = %d, %v, want %d", name, got, ok, want)
		}
	}
	names := map[uint16]string{80: "http", 4242: "shop", 22: "ssh", 1: ""}
	for port, want := range names {
		got, ok := s.Name(port)
		if got != want || ok != (want != "") {
			t.Errorf("Name(%d) = %q, %v, want %q", port, got, ok, want)
		}
	}
}

func TestServicesWithoutFile(t *testing.T) {
	var none *Services
	for _, c := range commonServices {
		if port, ok := none.Port(c.name); !ok || port != c.port {
			t.Errorf("Port(%q) = %d, %v, want %d", c.name, port, ok, c.port)
		}
		if _, ok := none.Name(c.port); !ok {
			t.Errorf("Name(%d) has none", c.port)
		}
	}
}

func TestReadServicesError(t *testing.T) {
	broken := errors.New("broken")
	s, err := ReadServices(iotest.ErrReader(broken))
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if port, ok := s.Port("ssh"); !ok || port != 22 {
		t.Errorf("Port(ssh) = %d, %v after a broken file", port, ok)
	}
}
