package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

func parsed(t *testing.T, sddl string) *windows.SECURITY_DESCRIPTOR {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		t.Fatalf("%s: %v", sddl, err)
	}
	return sd
}

func rightsOf(t *testing.T, dir string) *windows.SECURITY_DESCRIPTOR {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd
}

const someUser, another = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"

// Whom a directory's rights are judged safe for, by the descriptor alone: this is the
// same on Windows and under Wine.
func TestRights(t *testing.T) {
	user, err := windows.StringToSid(someUser)
	if err != nil {
		t.Fatal(err)
	}
	const mine = "O:" + someUser + "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + someUser + ")"
	for name, tt := range map[string]struct {
		sddl string
		want string // what the reason has; "" safe
	}{
		"as it is made":                {mine, ""},
		"of administrators":            {strings.Replace(mine, someUser, "BA", 1), ""},
		"of the system":                {strings.Replace(mine, someUser, "SY", 1), ""},
		"of another user":              {strings.Replace(mine, someUser, another, 1), "it belongs to " + another},
		"of the group Users":           {strings.Replace(mine, someUser, "BU", 1), "it belongs to S-1-5-32-545"},
		"of nobody":                    {"D:P(A;;FA;;;SY)", "its owner is unknown"},
		"no list of rights":            {"O:" + someUser, "everybody has all rights"},
		"an empty list":                {"O:" + someUser + "D:P", ""},
		"others look":                  {mine + "(A;OICI;FRFX;;;BU)(A;;GRGX;;;WD)", ""},
		"others may do nothing":        {mine + "(D;OICI;FA;;;BU)", ""},
		"as ProgramData hands it down": {mine + "(A;CIID;0x116;;;BU)(A;OICIIOID;FA;;;CO)", "S-1-5-32-545 may change it (rights 0x116)"},
		"full rights of whoever makes": {mine + "(A;OICIIO;FA;;;CO)(A;OICI;FA;;;S-1-3-4)", ""},
		"their group":                  {mine + "(A;OICIIO;FA;;;CG)", "S-1-3-1 may change it"},
		"files only":                   {mine + "(A;OIIO;0x2;;;BU)", "may change it"}, // handed down: the entries
		"add files":                    {mine + "(A;;0x2;;;BU)", "may change it"},
		"add directories":              {mine + "(A;;0x4;;;BU)", "may change it"},
		"more attributes":              {mine + "(A;;0x10;;;BU)", "may change it"},
		"delete what is there":         {mine + "(A;;0x40;;;AU)", "may change it"},
		"attributes":                   {mine + "(A;;0x100;;;AU)", "may change it"},
		"delete":                       {mine + "(A;;SD;;;" + another + ")", "may change it"},
		"change the rights":            {mine + "(A;;WD;;;" + another + ")", "may change it"},
		"change the owner":             {mine + "(A;;WO;;;" + another + ")", "may change it"},
		"write":                        {mine + "(A;;GW;;;WD)", "S-1-1-0 may change it"},
		"everything":                   {mine + "(A;;GA;;;WD)", "may change it"},
		"a right nobody knows":         {mine + "(A;;0x200;;;WD)", "may change it"},
	} {
		sd := parsed(t, tt.sddl)
		err := onlyFor(user, sd)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// Descriptors that no text makes: with a list that is null, and without anything.
func TestCraftedDescriptors(t *testing.T) {
	user, err := windows.StringToSid(someUser)
	if err != nil {
		t.Fatal(err)
	}
	null, err := windows.NewSecurityDescriptor()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(null.SetOwner(user, false), null.SetDACL(nil, true, false)); err != nil {
		t.Fatal(err)
	}
	if err := onlyFor(user, null); err == nil || err.Error() != "everybody has all rights" {
		t.Errorf("a null list: %v", err)
	}
	if err := onlyFor(user, &windows.SECURITY_DESCRIPTOR{}); err == nil || err.Error() != "its rights cannot be read" {
		t.Errorf("nothing: %v", err)
	}
}

// Entries that no text makes: an if, kinds that are not for files, and one that is cut.
func TestCraftedRights(t *testing.T) {
	user, err := windows.StringToSid(someUser)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		sddl   string
		change func(ace *windows.ACCESS_ALLOWED_ACE)
		want   string
	}{
		"allowed if, to others": {"(A;;FA;;;BU)", func(a *windows.ACCESS_ALLOWED_ACE) { a.Header.AceType = 9 }, "may change it"},
		"allowed if, to look":   {"(A;;FR;;;BU)", func(a *windows.ACCESS_ALLOWED_ACE) { a.Header.AceType = 9 }, ""},
		"an object's":           {"(A;;FR;;;BU)", func(a *windows.ACCESS_ALLOWED_ACE) { a.Header.AceType = 5 }, "unknown kind (5)"},
		"a kind to come":        {"(A;;FR;;;BU)", func(a *windows.ACCESS_ALLOWED_ACE) { a.Header.AceType = 0x77 }, "unknown kind (119)"},
		"a SID that is cut":     {"(A;;FA;;;BA)", func(a *windows.ACCESS_ALLOWED_ACE) { a.Header.AceSize -= 4 }, "cannot be read"},
		"no SID":                {"(A;;FA;;;BA)", func(a *windows.ACCESS_ALLOWED_ACE) { a.Header.AceSize = 8 }, "cannot be read"},
		"a SID of version 0":    {"(A;;FA;;;BA)", func(a *windows.ACCESS_ALLOWED_ACE) { a.SidStart &^= 0xff }, "cannot be read"},
	} {
		sd := parsed(t, "O:BAD:P"+tt.sddl)
		list, _, err := sd.DACL()
		if err != nil {
			t.Fatal(err)
		}
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, 0, &ace); err != nil {
			t.Fatal(err)
		}
		tt.change(ace)
		err = harmless(user, ace)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// What is made lets nobody else in, whatever stands above it. Wine keeps the mode of a
// Unix directory instead of the list: of whom it names, it tells only this user, the
// system and everybody, and neither "protected" nor what is handed down.
func TestMadeForItsUserOnly(t *testing.T) {
	above := t.TempDir()
	openForAll(t, above)
	dir := filepath.Join(above, "state")
	l := open(t, dir)
	begin(t, l, "one")
	sd := rightsOf(t, dir)
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	if err := onlyFor(user.User.Sid, sd); err != nil {
		t.Errorf("%v: %v", sd, err)
	}
	for _, whom := range []string{";BU)", ";WD)", ";AU)"} {
		if strings.Contains(sd.String(), whom) {
			t.Errorf("%v: others may look", sd)
		}
	}
	if err := makeDir(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if err := makeDir(filepath.Join(above, "none", "state")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below nothing: %v", err)
	}
}

// A directory that was there, in which everybody may write.
func TestPreparedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	openForAll(t, dir)
	for name, do := range map[string]func(string) (*Ledger, error){"Open": Open, "Read": Read} {
		l, err := do(dir)
		if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "S-1-1-0 may change it") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = l.Close()
		}
	}
}

// openForAll gives all rights to everybody, and checks that it did.
func openForAll(t *testing.T, dir string) {
	t.Helper()
	list, _, err := parsed(t, "D:P(A;OICI;FA;;;WD)").DACL()
	if err != nil {
		t.Fatal(err)
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sd := rightsOf(t, dir); !strings.Contains(sd.String(), ";WD)") {
		t.Fatalf("%v", sd)
	}
}
