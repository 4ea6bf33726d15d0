package act

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestSystemLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if _, err := openLog([]string{path}, path); !errors.Is(err, ErrNoLog) {
		t.Errorf("where there is none: %v", err)
	}
	if _, err := openLog([]string{path, t.TempDir()}, path); !errors.Is(err, ErrNoLog) {
		t.Errorf("where a directory has its name: %v", err)
	}
	dead := filepath.Join(t.TempDir(), "dead")
	ended, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dead, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	_ = ended.Close()                                               // its name stays
	for _, where := range [][2]string{{dead, path}, {path, dead}} { // nobody listens; journald without it
		if _, err := openLog([]string{path, where[0]}, where[1]); err == nil || errors.Is(err, ErrNoLog) {
			t.Errorf("of one that cannot be used: %v", err)
		}
	}
	service, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	log, err := openLog([]string{filepath.Join(t.TempDir(), "none"), path}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.Notice("entry 7: closing 3 sockets"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 500)
	n, err := service.Read(buf)
	want := regexp.MustCompile(`^<85>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d sockeye\[\d+\]: entry 7: closing 3 sockets$`)
	if err != nil || !want.Match(buf[:n]) {
		t.Errorf("%q, %v", buf[:n], err)
	}
	// A service that is stuck does not hold up anybody.
	for range 100_000 {
		if err = log.Notice("more"); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a service that reads nothing: %v", err)
	}
}
