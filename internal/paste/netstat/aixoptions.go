package netstat

import (
	"bytes"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// aixOptions reads what netstat -o of AIX puts below a row: "so_options: (…)",
// "q0len:0 qlen:3 qlimit:1000", "sndbuf:", "timeo:0 uid:0", "TCP:", "mss:1448". Of the
// listener above it tells how many connections wait and how many may. Kernels and
// logs write "TCP: …" and "flags: …" too, so a line must hold nothing but names and
// values, below a heading of AIX or below the first line of such options.
func (t *unixTable) aixOptions(line []byte, b *form.Builder) bool {
	word, _ := form.NextWord(line)
	if len(line) > 200 || bytes.IndexByte(word, ':') < 1 || b.Machine.OS == "linux" {
		return false
	}
	opens := string(word) == "so_options:" || bytes.HasPrefix(word, []byte("q0len:")) // nobody else writes these
	if !t.seen.aix && !opens || !isAIXOption(word) || !namesAndValues(line) {
		return false
	}
	t.seen.aix = true
	b.OS("aix")
	s := b.Last()
	if s == nil || s.State != tcp.Listen {
		return true
	}
	for rest := line; len(rest) > 0; {
		var w []byte
		w, rest = form.NextWord(rest)
		switch name, value, _ := bytes.Cut(w, []byte(":")); {
		case !form.IsNumber(value):
		case string(name) == "qlen":
			s.RecvQ = count32(value)
		case string(name) == "qlimit":
			s.SendQ = count32(value)
		}
	}
	return true
}

func isAIXOption(word []byte) bool {
	name, _, _ := bytes.Cut(word, []byte(":"))
	switch string(name) {
	case "so_options", "so_state", "so_special", "so_special2", "q0len", "qlen", "timeo", "sndbuf", "rcvbuf", "hiwat", "lowat", "mbcnt", "mbmax", "sb_flags", "TCP", "mss", "uid", "flags":
		return true
	}
	return false
}

// namesAndValues: "name:value name:" and flags in brackets, and nothing else.
func namesAndValues(line []byte) bool {
	flags := false
	for rest := line; ; {
		var w []byte
		if w, rest = form.NextWord(rest); len(w) == 0 {
			return !flags
		}
		switch open := w[0] == '('; {
		case open || flags:
			flags = w[len(w)-1] != ')'
		case bytes.IndexByte(w, ':') < 1:
			return false
		}
	}
}
