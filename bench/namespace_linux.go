package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// privateNamespace puts this thread, and with it every child it starts, into a
// network namespace of its own with nothing but loopback.
func privateNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("new network namespace: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// setNet writes settings of this thread's network namespace, name and value in turns.
func setNet(settings ...string) error {
	for i := 0; i+1 < len(settings); i += 2 {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+settings[i], []byte(settings[i+1]), 0); err != nil {
			return err
		}
	}
	return nil
}

// privateMounts gives this thread, and every child it starts, mounts of its own
// with tracefs, which bpftrace reads, and bpffs, through which one sockeye finds
// another's maps. What is mounted already stays. It returns what is lacking.
func privateMounts() (lacking []string, err error) {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("keeping the mounts private: %w", err)
	}
	for _, m := range []struct {
		kind, path string
		magic      int64
	}{{"tracefs", "/sys/kernel/tracing", unix.TRACEFS_MAGIC}, {"bpf", "/sys/fs/bpf", unix.BPF_FS_MAGIC}} {
		var is unix.Statfs_t
		if unix.Statfs(m.path, &is) == nil && is.Type == m.magic {
			continue
		}
		if err := unix.Mount(m.kind, m.path, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			lacking = append(lacking, fmt.Sprintf("%s on %s: %v", m.kind, m.path, err))
		}
	}
	return lacking, nil
}
