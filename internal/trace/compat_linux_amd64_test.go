package trace

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// elf32 is a static 32-bit program of nothing but that code (System V ABI, ELF
// header and one loadable segment).
func elf32(code []byte) []byte {
	const base, headers = 0x08048000, 52 + 32
	le := binary.LittleEndian
	b := append([]byte{0x7f, 'E', 'L', 'F', 1, 1, 1}, make([]byte, 9)...)
	for _, v := range []uint16{2, 3} { // executable, i386
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{1, base + headers, 52, 0, 0} { // version, entry, program headers
		b = le.AppendUint32(b, v)
	}
	for _, v := range []uint16{52, 32, 1, 40, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	size := uint32(headers + len(code))
	for _, v := range []uint32{1, 0, base, base, size, size, 5, 0x1000} {
		b = le.AppendUint32(b, v)
	}
	return append(b, code...)
}

// Number 41 is socket() to 64-bit programs and dup() to 32-bit ones: dup(-1),
// with what socket() would take for (AF_INET, SOCK_STREAM, 0), is no failure of
// socket().
func TestCallsOf32BitProgramsAreNotMistaken(t *testing.T) {
	ns := enterNetNS(t)
	path := filepath.Join(t.TempDir(), "dup")
	code := []byte{
		0xbf, 2, 0, 0, 0, // mov edi, AF_INET
		0xbe, 1, 0, 0, 0, // mov esi, SOCK_STREAM
		0x31, 0xd2, // xor edx, edx
		0xbb, 0xff, 0xff, 0xff, 0xff, // mov ebx, -1
		0xb8, 41, 0, 0, 0, // mov eax, dup
		0xcd, 0x80, // int 0x80
		0x89, 0xc3, // mov ebx, eax
		0xf7, 0xdb, // neg ebx
		0xb8, 1, 0, 0, 0, // mov eax, exit
		0xcd, 0x80,
	}
	if err := os.WriteFile(path, elf32(code), 0o700); err != nil {
		t.Fatal(err)
	}
	var failures []host.Failure
	_, failures = during(t, ns, func() {
		err := exec.Command(path).Run()
		var exit *exec.ExitError
		if errors.Is(err, unix.ENOEXEC) {
			t.Skip("kernel without CONFIG_IA32_EMULATION")
		}
		if !errors.As(err, &exit) || unix.Errno(exit.ExitCode()) != unix.EBADF {
			t.Fatalf("got %v, want exit code EBADF", err)
		}
	})
	if len(failures) != 0 {
		t.Errorf("failures: %+v", failures)
	}
}
