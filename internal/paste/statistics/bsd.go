package statistics

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// bsdCounts reads netstat -s of macOS and the BSDs, from the first sentence that
// only they write: "\t187 listen queue overflows".
type bsdCounts struct{ rows int }

// bsdSentences: what usr.bin/netstat/inet.c of FreeBSD prints (and of macOS,
// network_cmds), and the counters of the same meaning.
var bsdSentences = map[string]string{
	"connection request":                          "TcpActiveOpens",
	"connection accept":                           "TcpPassiveOpens",
	"embryonic connection dropped":                "TcpAttemptFails",
	"embryonic connections dropped":               "TcpAttemptFails",
	"bad connection attempt":                      "",
	"listen queue overflow":                       "TcpExtListenOverflows",
	"ignored RST in the window":                   "",
	"ignored RSTs in the windows":                 "",
	"connection established (including accepts)":  "",
	"connections established (including accepts)": "",
	"connection dropped by rexmit timeout":        "",
	"connections dropped by rexmit timeout":       "TcpExtTCPAbortOnTimeout",
	"cookie sent":                                 "TcpExtSyncookiesSent",
	"cookie received":                             "TcpExtSyncookiesRecv",
	// AIX and HP-UX
	"discarded due to listener's queue full":        "TcpExtListenOverflows",
	"connect request dropped due to full queue":     "TcpExtListenOverflows",
	"connect requests dropped due to full queue":    "TcpExtListenOverflows",
	"connect request dropped due to no listener":    "",
	"connect requests dropped due to no listener":   "",
	"suspect connect requests dropped due to aging": "",
	"suspect connect requests dropped due to rate":  "",
}

func bsdSentence(line []byte) (name string, value uint64, ok bool) {
	key, value, ok := unnumbered(bytes.TrimSpace(line))
	if !ok || len(key) < 3 || key[:2] != "# " {
		return "", 0, false
	}
	key = key[2:]
	if name, ok = bsdSentences[key]; ok {
		return name, value, true
	}
	if key[len(key)-1] == 's' {
		name, ok = bsdSentences[key[:len(key)-1]]
	}
	return name, value, ok
}

func beginsBSDCounts(line []byte) bool {
	if c := form.FirstByte(line); c < '0' || c > '9' || len(line) > 100 {
		return false
	}
	_, _, ok := bsdSentence(line)
	return ok
}

func (s *bsdCounts) Read(line []byte, b *form.Builder) form.Verdict {
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 {
		return form.Skipped
	}
	name, value, ok := bsdSentence(line)
	switch {
	case ok && name != "":
		s.rows++
		b.Counter(name, value)
		return form.Row
	case ok:
		return form.Skipped
	}
	if _, isTitle := sectionTitle(line); isTitle && line[0] >= 'a' && line[0] <= 'z' {
		return form.Skipped
	}
	if (line[0] == '\t' || line[0] == ' ') && len(trimmed) < 120 && (form.IsDigit(trimmed[0]) || bytes.HasPrefix(line, []byte("\t\t")) && counts(trimmed)) {
		return form.Skipped
	}
	return form.Foreign
}

func (s *bsdCounts) Close(*form.Builder) {}
