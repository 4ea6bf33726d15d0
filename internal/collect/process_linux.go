package collect

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// clockTick is the unit of start times in /proc: USER_HZ is 100 on every
// architecture that Go runs on (include/asm-generic/param.h, v6.18).
const clockTick = 10 * time.Millisecond

// describer describes the processes of one snapshot: names of users and
// containers, and what kind of program an executable is, are found out once. It
// is safe for concurrent use and lives no longer than the snapshot's making.
type describer struct {
	proc    procFS
	boot    time.Time
	fdCount bool // stat of /proc/PID/fd tells the number of descriptors
	users   func() map[uint32]string
	names   *containerNames
	wait    *patience

	mu       sync.Mutex
	programs map[programKey]host.Runtime // guarded by mu
}

func newDescriber(proc procFS, boot time.Time) *describer {
	return &describer{
		proc: proc, boot: boot, fdCount: proc.countsFDs(),
		users: sync.OnceValue(func() map[uint32]string {
			data, _ := readAt(unix.AT_FDCWD, "/etc/passwd", 16<<20) // unreadable: uids have no names
			return parseUsers(data)
		}),
		names:    newContainerNames("/"),
		wait:     newPatience(),
		programs: map[programKey]host.Runtime{},
	}
}

// countsFDs reports whether the size of /proc/PID/fd is the number of open
// descriptors (Linux 6.2, proc_fd_getattr): ours are not zero.
func (p procFS) countsFDs() bool {
	var st unix.Stat_t
	return p.live && unix.Stat(p.root+"/self/fd", &st) == nil && st.Size > 0
}

// A processDir is /proc/PID opened. The kernel ties it to the process, not to
// the number: once that has gone, everything below it fails with ESRCH or
// ENOENT, even when the number is in use again.
type processDir struct {
	fd  int
	pid int32
}

func (p procFS) openProcess(pid int32) (processDir, error) {
	fd, err := openRetry(unix.AT_FDCWD, p.root+"/"+strconv.Itoa(int(pid)), unix.O_PATH|unix.O_DIRECTORY)
	return processDir{fd, pid}, err
}

func (d processDir) close() { closeFD(d.fd) }

func (d processDir) stat() (procStat, error) {
	data, err := readAt(d.fd, "stat", 8<<10)
	if err != nil {
		return procStat{}, err
	}
	return parseStat(data)
}

// hasGone reports whether an error means that the process does not exist any more.
func hasGone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// read describes a process, nil when it has gone. What is told belongs to one
// process (see processDir; the start time is compared as well) and, where it
// did not change its program more than twice meanwhile, to one program.
func (ps *describer) read(pid int32, r *blindness) *host.Process {
	dir, err := ps.proc.openProcess(pid)
	if err != nil {
		if !hasGone(err) {
			r.add("process-unreadable", "", err)
		}
		return nil
	}
	defer dir.close()
	return ps.describe(dir, r)
}

func (ps *describer) describe(dir processDir, r *blindness) *host.Process {
	for try := 0; ; try++ {
		before, err := dir.stat()
		if err != nil {
			if !hasGone(err) {
				r.add("process-unreadable", "", err)
			}
			return nil
		}
		p, hidden, hangs := ps.details(dir, before)
		after, err := dir.stat()
		if err != nil || after.start != before.start {
			return nil
		}
		if after.name != before.name && try < 2 {
			continue // it called exec, or renamed itself
		}
		if hidden != nil {
			r.add("process-unreadable", "", hidden)
		}
		if hangs != nil {
			r.add("process-hangs", "pid "+strconv.Itoa(int(dir.pid)), hangs)
		}
		return p
	}
}

// details reads everything about a process; what fails stays zero, because the
// caller finds out whether the process still exists. hidden is the reason when
// something may not be seen, hangs when something did not come.
func (ps *describer) details(dir processDir, st procStat) (p *host.Process, hidden, hangs error) {
	p = &host.Process{
		PID: dir.pid, PPID: st.ppid, StartTicks: st.start, Started: ps.started(st.start),
		Name: st.name, UDP: -1,
	}
	note := func(err error) {
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			hidden = err
		}
	}
	exe, err := readLinkAt(dir.fd, "exe")
	note(err)

	data, err := readAt(dir.fd, "status", 16<<10)
	note(err)
	// Real, effective, saved, file system. The owner of /proc/PID would be
	// cheaper, and wrong: it is root for every process that changed its uid.
	if uid := statusLine(data, "Uid"); len(uid) == 4 {
		if n, err := strconv.ParseUint(uid[1], 10, 32); err == nil {
			p.UID = uint32(n)
			p.User = ps.users()[p.UID]
		}
	}

	link, err := readLinkAt(dir.fd, "ns/net")
	note(err)
	if inode, ok := netNSOf(link); ok {
		p.NetNS = inode
	}

	data, err = readAt(dir.fd, "cgroup", 64<<10)
	note(err)
	var all []string
	p.Cgroup, all = cgroupPaths(data)
	p.Unit = unitOf(p.Cgroup)
	if p.Container = containerOf(all); p.Container != nil && p.Container.Name == "" {
		ps.names.find(p.Container)
	}

	if n, err := dir.openFiles(ps.fdCount); err == nil {
		p.FDs = &n
	} else {
		note(err)
	}
	if soft, hard, ok := dir.fileLimits(ps.proc.live); ok {
		p.FDLimit, p.FDHard = &soft, hard
	}
	own, hangs := await(ps.wait, dir, st.start, func(dir processDir) program { return ps.program(dir, st, exe) })
	if hangs != nil {
		own = program{runtime: host.RuntimeOf(st.name, exe, nil, nil)}
		own.exe, own.deleted = strings.CutSuffix(exe, deletedMark)
	}
	note(own.err)
	p.Exe, p.ExeDeleted, p.Cmdline, p.Runtime = own.exe, own.deleted, own.cmdline, own.runtime
	return p, hidden, hangs
}

// program is what has to be read through the memory and the mounts of a process.
type program struct {
	exe     string
	deleted bool
	cmdline []string
	runtime host.Runtime
	err     error // why cmdline was not read
}

// program reads what may hang; link is where /proc/PID/exe leads.
func (ps *describer) program(dir processDir, st procStat, link string) (own program) {
	own.exe, own.deleted = dir.executable(link)
	var data []byte
	data, own.err = readAt(dir.fd, "cmdline", maxCmdline)
	own.cmdline = splitCmdline(data)
	own.runtime = ps.runtime(dir, &host.Process{PPID: st.ppid, Name: st.name, Exe: own.exe, Cmdline: own.cmdline})
	return own
}

func (ps *describer) started(ticks uint64) time.Time {
	if ps.boot.IsZero() || ticks > math.MaxInt64/uint64(clockTick) {
		return time.Time{}
	}
	return ps.boot.Add(time.Duration(ticks) * clockTick)
}

const deletedMark = " (deleted)"

// executable takes the mark off that the kernel appends to the path of
// an unlinked file. A file may really be called so: then the path leads, inside
// the root directory of the process, to the file that is running.
func (d processDir) executable(link string) (path string, deleted bool) {
	path, marked := strings.CutSuffix(link, deletedMark)
	if !marked {
		return link, false
	}
	var running, named unix.Statx_t
	if d.statx("exe", &running) == nil && running.Nlink > 0 &&
		d.statx("root"+link, &named) == nil && sameFile(&running, &named) {
		return link, false
	}
	return path, true
}

// statx asks for what is known of a file without asking a server that may be gone.
func (d processDir) statx(name string, st *unix.Statx_t) error {
	return unix.Statx(d.fd, name, unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, st)
}

func sameFile(a, b *unix.Statx_t) bool {
	return a.Ino == b.Ino && a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor
}

// openFiles counts the open descriptors. With counted the kernel knows the
// number, and tells it of any process to anybody; else they are listed.
func (d processDir) openFiles(counted bool) (uint64, error) {
	if counted {
		var st unix.Stat_t
		err := unix.Fstatat(d.fd, "fd", &st, 0)
		return uint64(max(st.Size, 0)), err
	}
	fd, err := openRetry(d.fd, "fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer closeFD(fd)
	var n uint64
	buf := make([]byte, 32<<10)
	for {
		got, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || got <= 0 {
			return n, err
		}
		_, count, _ := unix.ParseDirent(buf[:got], -1, nil)
		n += uint64(count)
	}
}

// fileLimits are the limits of open files, hard 0 where it is not known. prlimit(2)
// wants the same user or CAP_SYS_RESOURCE, which root need not have; the file tells
// everybody, slower.
func (d processDir) fileLimits(live bool) (soft, hard uint64, ok bool) {
	if live {
		var lim unix.Rlimit
		if err := unix.Prlimit(int(d.pid), unix.RLIMIT_NOFILE, nil, &lim); err == nil {
			return lim.Cur, lim.Max, lim.Cur != math.MaxUint64 // fs.nr_open bounds Max
		}
	}
	data, err := readAt(d.fd, "limits", 8<<10)
	if err != nil {
		return 0, 0, false
	}
	return fileLimits(data)
}
