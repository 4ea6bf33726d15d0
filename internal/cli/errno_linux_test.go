package cli

import (
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestErrnoNames: 133 is the last that a system call may answer.
func TestErrnoNames(t *testing.T) {
	if !strings.Contains("386 amd64 arm arm64 loong64 riscv64 s390x ppc64 ppc64le", runtime.GOARCH) {
		t.Skipf("%s numbers its errors otherwise", runtime.GOARCH)
	}
	for errno := range uint32(134) {
		want := unix.ErrnoName(syscall.Errno(errno))
		if want == "ENOTSUP" {
			want = "EOPNOTSUPP" // the same number; sockets use this name
		}
		if got := errnoName(errno); got != want {
			t.Errorf("%d: %q, want %q", errno, got, want)
		}
	}
	for errno, want := range map[uint32]string{0: "", 99: "EADDRNOTAVAIL", 530: "errno 530", 1<<32 - 1: "errno 4294967295"} {
		if got := string(appendErrno(nil, errno)); got != want {
			t.Errorf("%d: %q, want %q", errno, got, want)
		}
	}
}
