package act

import (
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"sockeye/internal/host"
)

// LookAt: no number here is a thread's, and whose sockets are a process's is not
// looked at yet.
func LookAt(int32) Look { return Look{Shut: true} }

// Inspect describes one process; nil where there is none of that very number. Its
// services stand in Unit, "a, b". What may not be seen is zero.
func Inspect(pid int32) *host.Process {
	table, err := processTable()
	e, ok := table[pid]
	if err != nil || !ok {
		return nil
	}
	p := &host.Process{PID: pid, PPID: e.parent, Name: e.name, UDP: -1, Unit: strings.Join(servicesOf(pid), ", ")}
	h, err := open(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE)
	if err != nil {
		return p
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if over(h) {
		return nil
	}
	if p.StartTicks, err = startOf(h); err == nil {
		began := windows.Filetime{LowDateTime: uint32(p.StartTicks), HighDateTime: uint32(p.StartTicks >> 32)}
		p.Started = time.Unix(0, began.Nanoseconds())
	}
	p.Exe, p.User = exeOf(h), userOf(h)
	p.Cmdline = commandOf(pid, p.StartTicks)
	return p
}

// longestPath is that of Windows, in UTF-16 with its end.
const longestPath = 32768

func exeOf(h windows.Handle) string {
	buf := make([]uint16, longestPath)
	size := uint32(len(buf))
	if windows.QueryFullProcessImageName(h, 0, &buf[0], &size) != nil {
		return ""
	}
	return windows.UTF16ToString(buf[:min(size, longestPath)])
}

// userOf is who a process runs as, "DOMAIN\name"; the SID where that has no name.
func userOf(h windows.Handle) string {
	var token windows.Token
	if windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token) != nil {
		return ""
	}
	defer func() { _ = token.Close() }()
	user, err := token.GetTokenUser()
	if err != nil {
		return ""
	}
	name, domain, _, err := user.User.Sid.LookupAccount("")
	switch {
	case err != nil:
		return user.User.Sid.String()
	case domain == "":
		return name
	}
	return domain + `\` + name
}

// Of what a process keeps about itself, as far as it leads to the command line
// (https://learn.microsoft.com/windows/win32/api/winternl/ns-winternl-peb and
// …-rtl_user_process_parameters). Addresses are of that process's memory, and no
// pointers here.
type (
	basicInformation struct {
		exit, peb, affinity, priority, pid, parent uintptr
	}
	unicodeString struct {
		length, most uint16 // bytes
		at           uintptr
	}
)

// commandOf reads the command line out of the process's memory: it is what the
// process says, and it may say anything. Nil where that may not be seen.
func commandOf(pid int32, start uint64) []string {
	h, err := open(pid, windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ)
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if began, err := startOf(h); err != nil || began != start {
		return nil
	}
	var info basicInformation
	if windows.NtQueryInformationProcess(h, windows.ProcessBasicInformation, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), nil) != nil {
		return nil
	}
	read := func(from uintptr, to unsafe.Pointer, size uintptr) bool {
		var n uintptr
		return from != 0 && windows.ReadProcessMemory(h, from, (*byte)(to), size, &n) == nil && n == size
	}
	var parameters uintptr
	var text unicodeString
	if info.peb == 0 || !read(info.peb+unsafe.Offsetof(windows.PEB{}.ProcessParameters), unsafe.Pointer(&parameters), unsafe.Sizeof(parameters)) ||
		parameters == 0 || !read(parameters+unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.CommandLine), unsafe.Pointer(&text), unsafe.Sizeof(text)) ||
		text.length < 2 {
		return nil
	}
	buf := make([]uint16, text.length/2)
	if !read(text.at, unsafe.Pointer(&buf[0]), uintptr(len(buf))*2) {
		return nil
	}
	line := windows.UTF16ToString(buf)
	words, err := windows.DecomposeCommandLine(line)
	if err != nil {
		return []string{line}
	}
	return words
}
