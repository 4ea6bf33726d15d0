package act

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"
)

// NewGuard looks at who started this process.
func NewGuard() (*Guard, error) {
	table, err := processTable()
	if err != nil {
		return nil, err
	}
	self := int32(os.Getpid())
	return newGuard(self, ancestors(table, self, started), [][]string{os.Environ()}), nil
}

// ancestors lists who started a process, and who started that, and so on. Windows
// keeps the number of a parent that has ended, and gives it to others: one that began
// later than its child is no parent. One whose begin may not be seen is taken for
// what it is called, and ends the line.
func ancestors(table map[int32]listed, pid int32, started func(int32) (uint64, error)) (line []int32) {
	const most = 1024 // nobody nests deeper
	child, err := started(pid)
	for ; err == nil && len(line) < most; pid = line[len(line)-1] {
		parent, ok := table[table[pid].parent]
		if !ok || parent.pid == pid || slices.Contains(line, parent.pid) {
			break
		}
		var began uint64
		if began, err = started(parent.pid); err == nil && began > child {
			break
		}
		line, child = append(line, parent.pid), began
	}
	return line
}

func started(pid int32) (uint64, error) {
	h, err := open(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION)
	if err != nil {
		return 0, err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	return startOf(h)
}

// critical are the programs of Windows itself whose end ends the machine, and the
// services of that kind (https://learn.microsoft.com/windows/win32/rstmgr/critical-system-services).
var (
	criticalNames    = []string{"smss.exe", "csrss.exe", "wininit.exe", "logonui.exe", "lsass.exe", "services.exe", "winlogon.exe"}
	criticalServices = []string{"RpcSs", "DcomLaunch", "PlugPlay"}
)

// Numbers that are Windows's own: what idles, and the kernel.
const (
	idlePID   = 0
	systemPID = 4
)

// kernelThread reports a process that Windows cannot do without: the kernel's, or a
// critical one of the system directory. Who only borrows the name of one is none;
// where the file may not be seen, the name decides.
func kernelThread(pid int32) bool {
	if pid == idlePID || pid == systemPID {
		return true
	}
	isOneOf := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
	}
	if slices.ContainsFunc(servicesOf(pid), func(s string) bool { return isOneOf(criticalServices, s) }) {
		return true
	}
	exe := ""
	if h, err := open(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION); err == nil {
		exe = exeOf(h)
		_ = windows.CloseHandle(h)
	}
	if exe == "" {
		table, err := processTable()
		return err != nil || isOneOf(criticalNames, table[pid].name)
	}
	dir, err := windows.GetSystemDirectory()
	return isOneOf(criticalNames, filepath.Base(exe)) && (err != nil || strings.EqualFold(filepath.Dir(exe), dir))
}
