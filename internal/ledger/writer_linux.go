package ledger

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"
)

// thisProcess is the one that runs now; nil when it cannot tell itself apart.
func thisProcess() *Writer {
	if !ownProc() {
		return nil
	}
	pid, boot := os.Getpid(), bootID()
	stat, err := statOf(pid)
	if err != nil || boot == "" {
		return nil
	}
	return &Writer{PID: int32(pid), StartTicks: stat.Starttime, Boot: boot, PIDNS: pidNS()}
}

// gone reports whether the process has ended, for sure.
func (w *Writer) gone() bool {
	boot := bootID()
	switch {
	case boot == "" || w.Boot == "":
		return false
	case w.Boot != boot:
		return true
	case !ownProc() || w.PIDNS != pidNS():
		return false // this number is another one's here
	}
	stat, err := statOf(int(w.PID))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
	}
	return stat.Starttime != w.StartTicks || over(&stat)
}

// there reports whether the process runs, for sure.
func (w *Writer) there() bool {
	if w.Boot == "" || w.Boot != bootID() || !ownProc() || w.PIDNS != pidNS() {
		return false
	}
	stat, err := statOf(int(w.PID))
	return err == nil && stat.Starttime == w.StartTicks && !over(&stat)
}

// over: a zombie has ended, unless only its first thread has (proc_pid_stat(5)).
func over(stat *procfs.ProcStat) bool {
	return stat.State == "X" || stat.State == "Z" && stat.NumThreads <= 1
}

func statOf(pid int) (procfs.ProcStat, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return p.Stat()
}

// ownProc reports whether /proc is of this process's pid namespace.
func ownProc() bool {
	self, err := os.Readlink("/proc/self")
	return err == nil && self == strconv.Itoa(os.Getpid())
}

// bootID differs from boot to boot (random(4)); containers see the machine's.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// pidNS is the inode of this process's pid namespace (pid_namespaces(7)); 0 unknown.
func pidNS() uint64 {
	info, err := os.Stat("/proc/self/ns/pid")
	if err != nil {
		return 0
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return st.Ino
}
