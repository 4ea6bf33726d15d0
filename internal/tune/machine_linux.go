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

func (kernel) Home() uint64 { return collect.InitialNetNS() }

func (kernel) Space(netns uint64) (Space, error) {
	s := Space{NetNS: netns}
	boot, err := os.ReadFile(sysctlDir + "kernel/random/boot_id")
	if err != nil {
		return s, err
	}
	s.Boot = strings.TrimSpace(string(boot))
	err = collectInside(netns, func() error {
		// The initial namespace alone has tcp_mem (net/ipv4/sysctl_net_ipv4.c, v6.18).
		_, missing := os.Stat(sysctlDir + "net/ipv4/tcp_mem")
		s.Host = missing == nil
		s.Cookie, err = cookie()
		return err
	})
	return s, err
}

// cookie is that of the thread's namespace, 0 before Linux 5.14.
func cookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	c, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return 0, nil
	}
	return c, os.NewSyscallError("getsockopt", err)
}

func (kernel) Get(s Space, name string) (value string, err error) {
	err = inside(s, func() error {
		value, err = readSetting(name)
		return err
	})
	return value, err
}

func (kernel) Set(s Space, name, value string) error {
	return inside(s, func() error {
		f, err := os.OpenFile(settingPath(name), os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return missing(name)
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

// readSetting reads all of a setting at once: a long list of ports is cut to what a
// read asks for (kernel/sysctl.c proc_do_large_bitmap, v6.18).
func readSetting(name string) (string, error) {
	f, err := os.Open(settingPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", missing(name)
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

// missing says that the kernel has no such setting, unless none of them is to be seen.
func missing(name string) error {
	area, _, _ := strings.Cut(name, ".")
	if names, err := os.ReadDir(sysctlDir + area); err != nil || len(names) == 0 {
		return fmt.Errorf("%s: %s%s cannot be looked into from here", name, sysctlDir, area)
	}
	return fmt.Errorf("%s: %w", name, ErrMissing)
}

// settingPath: names come from the table only, and have no dots of their own.
func settingPath(name string) string { return sysctlDir + strings.ReplaceAll(name, ".", "/") }

// inside runs do in that very namespace: numbers of inodes are used again at once,
// cookies never. Where there are none, before Linux 5.14, the number must do.
func inside(s Space, do func() error) error {
	return collectInside(s.NetNS, func() error {
		switch c, err := cookie(); {
		case err != nil:
			return err
		case c != s.Cookie:
			return fmt.Errorf("%w: another has the number %d now", ErrGone, s.NetNS)
		}
		return do()
	})
}

func collectInside(netns uint64, do func() error) error {
	err := collect.InNetNS(netns, do)
	if errors.Is(err, collect.ErrUnknownNetNS) {
		return fmt.Errorf("%w: %d", ErrGone, netns)
	}
	return err
}
