package collect

import (
	"bytes"
	"errors"
	"io/fs"
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

// countSockets tells from sockstat how many rows the tables of the thread's
// namespace have: full sockets and time-wait ones. It leaves out bound sockets,
// and half-open connections, of which there are none where there is no
// listener. ok is false when it cannot be told.
func countSockets() (full, mini int, ok bool) {
	const most = 4 << 20
	count := func(path, name string) uint64 {
		text, err := os.ReadFile(path)
		if err != nil {
			ok = false
			return 0
		}
		n, found := sockstat(text, name)
		ok = ok && found
		return min(n, most)
	}
	ok = true
	full = int(count("/proc/thread-self/net/sockstat", "inuse"))
	mini = int(count("/proc/thread-self/net/sockstat", "tw"))
	if _, err := os.Stat("/proc/thread-self/net/sockstat6"); !errors.Is(err, fs.ErrNotExist) {
		full += int(count("/proc/thread-self/net/sockstat6", "inuse"))
	}
	return full, mini, ok
}

// sockstat finds a number in the line "TCP: inuse 5 orphan 0 tw 2 …" or "TCP6: …".
func sockstat(text []byte, name string) (n uint64, ok bool) {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) == 0 || string(words[0]) != "TCP:" && string(words[0]) != "TCP6:" {
			continue
		}
		for i := 1; i+1 < len(words); i += 2 {
			if string(words[i]) == name {
				return decimal(words[i+1])
			}
		}
	}
	return 0, false
}
