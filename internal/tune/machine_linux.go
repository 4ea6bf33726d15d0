package tune

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sockeye/internal/collect"
)

// Kernel is the Machine that runs this program.
func Kernel() Machine { return kernel{} }

type kernel struct{}

const sysctlDir = "/proc/sys/"

func (kernel) Space(netns uint64) (Space, error) {
	s := Space{NetNS: netns}
	boot, err := os.ReadFile(sysctlDir + "kernel/random/boot_id")
	if err != nil {
		return s, err
	}
	s.Boot = strings.TrimSpace(string(boot))
	err = inside(netns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		s.Cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		if errors.Is(err, unix.ENOPROTOOPT) { // before Linux 5.14
			return nil
		}
		// net_cookie of init_net is the first that is given out (net/core/net_namespace.c, v6.18)
		// but how it came to its number is nobody's promise: its own settings tell better.
		_, missing := os.Stat(sysctlDir + "net/ipv4/tcp_mem")
		s.Host = missing == nil
		return err
	})
	return s, err
}

func (kernel) Get(netns uint64, name string) (value string, err error) {
	err = inside(netns, func() error {
		value, err = readSetting(name)
		return err
	})
	return value, err
}

func (kernel) Set(netns uint64, name, value string) error {
	return inside(netns, func() error {
		f, err := os.OpenFile(settingPath(name), os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, ErrMissing)
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(value + "\n")
		if e := f.Close(); err == nil {
			err = e
		}
		return err
	})
}

// readSetting reads to the end: a long list of ports comes in several pieces
// (proc_do_large_bitmap gives no more than a read asks for).
func readSetting(name string) (string, error) {
	f, err := os.Open(settingPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", name, ErrMissing)
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, valueMax+1)
	n, err := f.Read(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if n > valueMax {
		return "", fmt.Errorf("%s: the value is longer than %d bytes", name, valueMax)
	}
	return strings.TrimSpace(string(buf[:n])), nil
}

// settingPath: names come from the table only, and have no dots of their own.
func settingPath(name string) string { return sysctlDir + strings.ReplaceAll(name, ".", "/") }

func inside(netns uint64, do func() error) error {
	err := collect.InNetNS(netns, do)
	if errors.Is(err, collect.ErrUnknownNetNS) {
		return fmt.Errorf("%w: %d", ErrGone, netns)
	}
	return err
}
