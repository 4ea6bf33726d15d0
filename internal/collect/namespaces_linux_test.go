package collect

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A name may lead anywhere: to a namespace of another type, to a plain file, to
// nothing.
func TestNetNSInode(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, target string
		err          error
	}{
		{"net", "/proc/self/ns/net", nil},
		{"mnt", "/proc/self/ns/mnt", ErrUnknownNetNS},
		{"uts", "/proc/self/ns/uts", ErrUnknownNetNS},
		{"plain", file, ErrUnknownNetNS},
		{"dangling", filepath.Join(dir, "nothing"), unix.ENOENT},
	} {
		link := filepath.Join(dir, c.name)
		if err := os.Symlink(c.target, link); err != nil {
			t.Fatal(err)
		}
		inode, err := netnsInode(link)
		if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if own, _ := linkInode("/proc/self/ns/net", "net:["); c.err == nil && inode != own {
			t.Errorf("%s: inode %d, want %d", c.name, inode, own)
		}
	}
}

// Only what has gone is said to have ended.
func TestNamespaceThatCannotBeEntered(t *testing.T) {
	const missing, broken = "/proc/self/ns/nothing", "/proc/self/stat/net" // ENOENT, ENOTDIR
	for _, c := range []struct {
		doors []string
		code  string
	}{
		{[]string{missing}, "netns-vanished"},
		{nil, "netns-vanished"},
		{[]string{broken}, "netns-unread"},
		{[]string{broken, missing}, "netns-unread"},
		{[]string{missing, broken}, "netns-unread"},
	} {
		l := &look{blind: &blindness{}}
		l.namespace(t.Context(), &visitor{at: 1}, &namespace{inode: 2, doors: c.doors}, 0, nil)
		if spots := l.blind.list(); len(spots) != 1 || spots[0].Code != c.code || spots[0].Subject != "netns 2" {
			t.Errorf("%v: %+v, want %s", c.doors, spots, c.code)
		}
		if l.failed == nil || len(l.visited) > 0 {
			t.Errorf("%v: failed %v, visited %d", c.doors, l.failed, len(l.visited))
		}
	}
}
