package symbol

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const someMaps = `55f0c6a00000-55f0c6a02000 r--p 00000000 fd:00 1311 /opt/shop/bin/shop
55f0c6a02000-55f0c6a10000 r-xp 00002000 fd:00 1311                       /opt/shop/bin/shop (deleted)
7f0000000000-7f0000010000 rwxp 00000000 00:00 0
7f0000010000-7f0000020000 r-xp 00000000 00:00 0                          [anon:jit code]
7f0000030000-7f0000031000 r-xs 00001000 00:01 2049                       /memfd:doublemapper (deleted)
7f1c00000000-7f1c00100000 r-xp 00026000 103:0a 1844674407370955161       /usr/lib/a b\012c.so
7ffd11fe0000-7ffd11fe2000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

func TestParseMaps(t *testing.T) {
	got, err := parseMaps(strings.NewReader(someMaps))
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{
		{start: 0x55f0c6a02000, end: 0x55f0c6a10000, offset: 0x2000, major: 0xfd, inode: 1311, path: "/opt/shop/bin/shop"},
		{start: 0x7f0000000000, end: 0x7f0000020000}, // two neighbours
		{start: 0x7f0000030000, end: 0x7f0000031000, offset: 0x1000, minor: 1, inode: 2049, path: "/memfd:doublemapper"},
		{start: 0x7f1c00000000, end: 0x7f1c00100000, offset: 0x26000, major: 0x103, minor: 10, inode: 1844674407370955161, path: `/usr/lib/a b\012c.so`},
		{start: 0x7ffd11fe0000, end: 0x7ffd11fe2000, path: "[vdso]"},
		{start: 0xffffffffff600000, end: 0xffffffffff601000, path: "[vsyscall]"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{}), cmpopts.IgnoreFields(mapping{}, "object")); diff != "" {
		t.Error(diff)
	}
	for addr, path := range map[uint64]string{
		0x55f0c6a02000: "/opt/shop/bin/shop", 0x55f0c6a0ffff: "/opt/shop/bin/shop", 0x7ffd11fe0001: "[vdso]",
	} {
		if m := findMapping(got, addr); m == nil || m.path != path {
			t.Errorf("%#x is in %+v, want %s", addr, m, path)
		}
	}
	for _, addr := range []uint64{0, 0x55f0c6a01fff, 0x55f0c6a10000, ^uint64(0)} {
		if m := findMapping(got, addr); m != nil {
			t.Errorf("%#x is in %+v", addr, m)
		}
	}
}

func TestParseMapsBounds(t *testing.T) {
	for name, text := range map[string]string{
		"a line without an end": "1000-2000 r-xp 0 00:00 1 /" + strings.Repeat("x", maxMapsLine),
		"too many":              strings.Repeat("1000-2000 r-xp 0 00:00 1 /x\n", maxMappings+1),
	} {
		if _, err := parseMaps(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, line := range []string{
		"", "x", "1000-2000", "1000-2000 r-xp", "2000-1000 r-xp 0 00:00 1 /x", "1000-2000 r-xp 0 0000 1 /x",
		"1000-2000 r-xp 0 00:00 -1 /x", "11112222333344445-2 r-xp 0 00:00 1 /x", "1000-2000 rw-p 0 00:00 1 /x",
	} {
		if m, ok := parseMapping([]byte(line)); ok {
			t.Errorf("%q is taken for %+v", line, m)
		}
	}
}

func FuzzParseMaps(f *testing.F) {
	f.Add([]byte(someMaps))
	f.Fuzz(func(t *testing.T, text []byte) {
		maps, err := parseMaps(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		for i := range maps {
			m := &maps[i]
			if m.start >= m.end {
				t.Fatalf("%+v", m)
			}
			findMapping(maps, m.start)
		}
	})
}
