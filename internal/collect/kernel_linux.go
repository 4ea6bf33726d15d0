package collect

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// kernelAtLeast compares with the release that uname gives; false when it is
// no number.
func kernelAtLeast(major, minor uint64) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	have, ok := release([]byte(unix.ByteSliceToString(u.Release[:])))
	return ok && (have[0] > major || have[0] == major && have[1] >= minor)
}

// release reads the first two numbers of "6.18.44-generic".
func release(b []byte) (version [2]uint64, ok bool) {
	for i := range version {
		end := bytes.IndexFunc(b, func(c rune) bool { return c < '0' || c > '9' })
		if end < 0 {
			end = len(b)
		}
		if version[i], ok = decimal(b[:end]); !ok {
			return version, false
		}
		b = bytes.TrimPrefix(b[end:], []byte{'.'})
	}
	return version, true
}

// expectedSockets estimates how many rows the tables of the thread's namespace
// have, from the counts in sockstat: room that is made in advance need not be
// copied while it grows.
func expectedSockets() int {
	const most = 4 << 20
	total := uint64(16)
	for _, file := range []struct {
		path  string
		names []string
	}{
		{"/proc/thread-self/net/sockstat", []string{"inuse", "tw"}},
		{"/proc/thread-self/net/sockstat6", []string{"inuse"}},
	} {
		text, err := os.ReadFile(file.path)
		if err != nil {
			continue
		}
		for _, name := range file.names {
			total += sockstat(text, name)
		}
	}
	return int(min(total+total/64, most))
}

// sockstat finds a number in the line "TCP: inuse 5 orphan 0 tw 2 …" or "TCP6: …".
func sockstat(text []byte, name string) uint64 {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) == 0 || string(words[0]) != "TCP:" && string(words[0]) != "TCP6:" {
			continue
		}
		for i := 1; i+1 < len(words); i += 2 {
			if string(words[i]) == name {
				n, _ := decimal(words[i+1])
				return n
			}
		}
	}
	return 0
}
