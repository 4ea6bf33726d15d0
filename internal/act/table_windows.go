package act

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// listed is a process as the table of all has it.
type listed struct {
	pid, parent int32
	name        string // of its file
}

// processTable lists the processes of this machine by their numbers.
func processTable() (map[int32]listed, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, fmt.Errorf("CreateToolhelp32Snapshot: %w", err)
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	all := map[int32]listed{}
	var e windows.ProcessEntry32
	e.Size = uint32(unsafe.Sizeof(e))
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		all[int32(e.ProcessID)] = listed{int32(e.ProcessID), int32(e.ParentProcessID), windows.UTF16ToString(e.ExeFile[:])}
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, fmt.Errorf("Process32Next: %w", err)
	}
	return all, nil
}

// servicesOf names the services that a process runs; nil where that may not be seen.
func servicesOf(pid int32) (names []string) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT|windows.SC_MANAGER_ENUMERATE_SERVICE)
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseServiceHandle(manager) }()
	// 256 KiB is the most that one answer takes (EnumServicesStatusExW,
	// https://learn.microsoft.com/windows/win32/api/winsvc/nf-winsvc-enumservicesstatusexw).
	buf := make([]byte, 256<<10)
	const most = 64 // answers: nobody has so many services
	for resume, i := uint32(0), 0; i < most; i++ {
		var more, count uint32
		err := windows.EnumServicesStatusEx(manager, windows.SC_ENUM_PROCESS_INFO, windows.SERVICE_WIN32, windows.SERVICE_ACTIVE,
			&buf[0], uint32(len(buf)), &more, &count, &resume, nil)
		if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
			return names
		}
		for _, s := range unsafe.Slice((*windows.ENUM_SERVICE_STATUS_PROCESS)(unsafe.Pointer(&buf[0])), count) {
			if s.ServiceStatusProcess.ProcessId == uint32(pid) {
				names = append(names, windows.UTF16PtrToString(s.ServiceName))
			}
		}
		if err == nil {
			break
		}
	}
	return names
}
