package netstat

import (
	"bytes"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// bsdTail reads what BSD prints behind the two ends: the state, and on macOS with
// -v more columns, of which one tells the process. It tells whether one does.
func (t *unixTable) bsdTail(rest, far []byte, s *tcp.Socket, b *form.Builder) (told bool) {
	nobody := without(far, s.Remote)
	zone(t.Word[:], b)
	word, after := form.NextWord(rest)
	switch {
	case len(word) > 0 && !form.IsNumber(word):
		s.State = t.words.read(word, nobody)
		rest = after
	case nobody:
		s.State = tcp.Closed // BSD lists sockets that only exist, with an empty state
	}
	t.tail = s.State == tcp.Unknown
	pid, name, told := t.bsdOwner(rest)
	if told {
		b.OS("darwin") // only its netstat tells owners (network_cmds, netstat.tproj/inet.c)
	}
	if pid != 0 {
		t.seen.someone = true
		s.PID = owner(b, pid, name)
	}
	return told
}

// bsdOwner finds the process among the columns of macOS -v, which are others in
// every version: "name:pid" (the name may have blanks), else the number two before
// the first hexadecimal column, since "pid epid state" stay together.
func (t *unixTable) bsdOwner(rest []byte) (pid int32, name []byte, told bool) {
	if len(bytes.TrimSpace(rest)) == 0 {
		return 0, nil, false
	}
	var c form.RowWords
	c.Cut(rest, len(c.Word))
	numbers := 0
	for i := 0; i < c.N; i++ {
		w := c.Word[i]
		if colon := bytes.LastIndexByte(w, ':'); colon >= 0 && form.IsNumber(w[colon+1:]) && i >= numbers {
			from := c.End[i] - len(w)
			if numbers < i {
				from = c.End[numbers] - len(c.Word[numbers])
			}
			name = bytes.TrimSpace(rest[from : c.End[i]-len(w)+colon])
			return rowPID(w[colon+1:]), name, true
		}
		if isHex(w) {
			if i < 2 || numbers < i {
				return 0, nil, false
			}
			return rowPID(c.Word[i-2]), nil, true
		}
		if form.IsNumber(w) && numbers == i {
			numbers++
		}
	}
	if t.seen.pids && numbers == c.N && c.N >= 4 && c.N%2 == 0 {
		return rowPID(c.Word[c.N-2]), nil, true // "… pid epid" and nothing more
	}
	return 0, nil, false
}

// isHex: a column of flags: "0x0102", or in newer versions five digits, "00102".
func isHex(word []byte) bool {
	if len(word) > 2 && word[0] == '0' && word[1] == 'x' {
		return true
	}
	return len(word) == 5 && word[0] == '0'
}

// zone learns the system from the interface that link-local addresses name.
func zone(words [][]byte, b *form.Builder) {
	if b.Machine.OS != "" {
		return
	}
	for _, w := range words[:min(len(words), 6)] {
		at := bytes.IndexByte(w, '%')
		if at < 0 {
			continue
		}
		name := w[at+1:]
		for _, mac := range []string{"en", "utun", "awdl", "llw", "bridge10", "anpi"} {
			if bytes.HasPrefix(name, []byte(mac)) {
				b.OS("darwin")
			}
		}
		for _, free := range []string{"vtnet", "igb", "hn", "epair", "bxe", "mce"} {
			if bytes.HasPrefix(name, []byte(free)) {
				b.OS("freebsd")
			}
		}
	}
}

// udp counts a UDP socket; its owner, if any, stands where it does for TCP.
func (t *unixTable) udp(rest []byte, isDotted bool, b *form.Builder) {
	var pid int32
	var name []byte
	if isDotted {
		pid, name, _ = t.bsdOwner(rest)
	} else {
		var s tcp.Socket // what is told besides the owner is of no use
		if word, after := form.NextWord(rest); len(word) > 0 && !isOwner(word) && !form.IsNumber(word) {
			if second, _ := form.NextWord(after); !form.IsNumber(second) || len(second) == 0 {
				rest = after // a state: UDP sockets may be ESTABLISHED
			} else if _, known := form.StateOf(word); known {
				rest = after
			}
		}
		pid, name, _ = t.owned(rest, &s, b)
	}
	if pid = owner(b, pid, name); pid != 0 {
		t.seen.someone = true
	}
	ownsUDP(b, pid)
}
