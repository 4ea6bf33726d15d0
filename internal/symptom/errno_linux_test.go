package symptom

import (
	"net"
	"syscall"
	"testing"
)

// TestErrnos: what this system's own table of errors says, as Go prints it.
func TestErrnos(t *testing.T) {
	for _, c := range ready().codes {
		text := "dial tcp 192.0.2.1:80: connect: " + syscall.Errno(c.Linux).Error()
		if got := scan(text); len(got) != 1 || got[0].Code != c.Name || got[0].Errno != c.Linux || got[0].Call != "connect" {
			t.Errorf("%s is %s", text, briefs(got))
		}
	}
}

// TestRealErrors: errors of the network that happen here and now.
func TestRealErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, err = net.Listen("tcp", addr)
	if got := scan(err.Error()); len(got) != 1 || got[0].Code != "EADDRINUSE" || got[0].Call != "bind" || got[0].Endpoints[0].Name != addr {
		t.Errorf("%v is %s", err, briefs(got))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = net.Dial("tcp", addr)
	if got := scan(err.Error()); len(got) != 1 || got[0].Code != "ECONNREFUSED" || got[0].Call != "connect" || got[0].Endpoints[0].Name != addr {
		t.Errorf("%v is %s", err, briefs(got))
	}
	_, err = net.Listen("tcp", "192.0.2.77:0")
	if got := scan(err.Error()); len(got) != 1 || got[0].Code != "EADDRNOTAVAIL" || got[0].Candidates[0] != "address-not-local" {
		t.Errorf("%v is %s", err, briefs(got))
	}
}
