package collect

import "sockeye/internal/host"

// PlaceOf tells what the path of a cgroup says of the processes in it: their
// systemd unit and their container, "" and nil where it says nothing. It serves
// where the process itself has ended.
func PlaceOf(cgroup string) (unit string, c *host.Container) {
	if cgroup == "" {
		return "", nil
	}
	return unitOf(cgroup), containerOf([]string{cgroup})
}

// NetNSOf returns the inode of the one network namespace that Options.NetNS
// names; ok is false when it means all of them. It fails as Take does.
func NetNSOf(name string) (inode uint64, ok bool, err error) { return netnsOf(name) }

// SeesAllProcesses reports whether the pids that the kernel tells its tracers are
// those that this process sees under /proc: false in a pid namespace of its own,
// where the same number names another process.
func SeesAllProcesses() bool { return seesAllProcesses() }

// InitialNetNS is the inode of the machine's own network namespace, 0 where it cannot
// be told.
func InitialNetNS() uint64 { return initialNetNS() }

// Resident is a process that lives in a network namespace, and the namespace's name
// below /run/netns; 0 and "" where there is none.
func Resident(netns uint64) (pid int32, name string) { return resident(netns) }

// InNetNS runs do on a thread inside of the network namespace with that inode, for
// those who change something there; do must not start goroutines that need it.
// It fails as Take does, with ErrUnknownNetNS when the namespace has ended, with
// ErrNotPermitted where that cannot be told from here, or with what do returns.
func InNetNS(inode uint64, do func() error) error { return inNetNS(inode, do) }
