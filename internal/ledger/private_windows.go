package ledger

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// makeDir makes the directory with rights of its own, as those that ProgramData hands
// down let every user add files: for the system, for administrators, and for whom it
// will belong to; P takes nothing from above, OICI hands these down to the files.
//
// learn.microsoft.com/en-us/windows/win32/secauthz/security-descriptor-string-format
// learn.microsoft.com/en-us/windows/win32/secauthz/ace-strings
func makeDir(dir string) error {
	owner, err := ownerOfNew()
	if err != nil {
		return err
	}
	const full = "(A;OICI;FA;;;%s)"
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf("D:P"+full+full+full, "SY", "BA", owner))
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	if err := windows.CreateDirectory(name, sa); err != nil {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

// ownerOfNew is whom files belong to that this process makes. It is the group of
// administrators for some of them: then no process without their rights, even of the
// same user, may write there.
//
// learn.microsoft.com/en-us/windows/win32/api/winnt/ns-winnt-token_owner
func ownerOfNew() (*windows.SID, error) {
	const sidMax = 68 // bytes: SECURITY_MAX_SID_SIZE
	var info struct {
		owner *windows.SID
		_     [sidMax]byte // it points there
	}
	var size uint32
	err := windows.GetTokenInformation(windows.GetCurrentProcessToken(), windows.TokenOwner,
		(*byte)(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), &size)
	if err != nil {
		return nil, err
	}
	return info.owner.Copy()
}

// private makes sure that nobody but its user, administrators and the system can have
// put anything there.
func private(dir string, d *os.File) error {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(d.Fd()), windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err == nil {
		err = onlyFor(me.User.Sid, sd)
	}
	if err != nil { // a file system without rights as well
		return fmt.Errorf("%w: %s: %w", ErrUnsafe, dir, err)
	}
	return nil
}

// onlyFor reports why others than the user, administrators and the system may write
// what a descriptor belongs to, or what is made below it.
func onlyFor(user *windows.SID, sd *windows.SECURITY_DESCRIPTOR) error {
	if !sd.IsValid() {
		return errors.New("its rights cannot be read")
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if owner == nil {
		return errors.New("its owner is unknown")
	}
	if !trusted(user, owner) { // who may change all rights: learn.microsoft.com/en-us/windows/win32/secauthz/owner-of-a-new-object
		return fmt.Errorf("it belongs to %v, not to %v", owner, user)
	}
	list, _, err := sd.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && list == nil {
		return errors.New("everybody has all rights") // learn.microsoft.com/en-us/windows/win32/secauthz/null-dacls-and-empty-dacls
	}
	if err != nil {
		return err
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return err
		}
		if err := harmless(user, ace); err != nil {
			return err
		}
	}
	return nil
}

// What others may do with a directory: look. Not among it are the rights to add files
// (2) and directories (4), to delete what is in there (0x40) or itself, to change its
// attributes, its owner and its rights, and all that is not known here.
//
// learn.microsoft.com/en-us/windows/win32/fileio/file-access-rights-constants
// learn.microsoft.com/en-us/windows/win32/secauthz/access-mask-format
const looking = windows.FILE_GENERIC_READ | windows.FILE_GENERIC_EXECUTE | windows.GENERIC_READ | windows.GENERIC_EXECUTE

// harmless reports why an entry of a list of rights is not. One that is only handed
// down counts as well: it is for the files of the ledger.
//
// learn.microsoft.com/en-us/windows/win32/api/winnt/ns-winnt-ace_header
func harmless(user *windows.SID, ace *windows.ACCESS_ALLOWED_ACE) error {
	const allowedIf = 9 // ACCESS_ALLOWED_CALLBACK_ACE_TYPE: its condition comes behind its SID
	switch ace.Header.AceType {
	case windows.ACCESS_DENIED_ACE_TYPE:
		return nil
	case windows.ACCESS_ALLOWED_ACE_TYPE, allowedIf:
	default:
		return fmt.Errorf("it has rights of an unknown kind (%d)", ace.Header.AceType)
	}
	// A SID is 8 bytes, of which the second counts the 4 bytes that follow each:
	// learn.microsoft.com/en-us/windows/win32/api/winnt/ns-winnt-sid
	const before, fixed, each = unsafe.Offsetof(ace.SidStart), 8, 4
	sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
	size := uintptr(ace.Header.AceSize)
	if size < before+fixed || size < before+fixed+each*uintptr(sid.SubAuthorityCount()) || !sid.IsValid() {
		return errors.New("its rights cannot be read")
	}
	if ace.Mask&^looking != 0 && !trusted(user, sid) && !stands(sid) {
		return fmt.Errorf("%v may change it (rights %#x)", sid, uint32(ace.Mask))
	}
	return nil
}

func trusted(user, sid *windows.SID) bool {
	return sid.Equals(user) || sid.IsWellKnown(windows.WinLocalSystemSid) || sid.IsWellKnown(windows.WinBuiltinAdministratorsSid)
}

// stands reports a SID that stands for who owns or makes a file, who is trusted here:
// learn.microsoft.com/en-us/windows/win32/secauthz/well-known-sids
func stands(sid *windows.SID) bool {
	return sid.IsWellKnown(windows.WinCreatorOwnerSid) || sid.IsWellKnown(windows.WinCreatorOwnerRightsSid)
}
