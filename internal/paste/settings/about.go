package settings

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
)

// maxUptime is more than any machine runs; larger numbers are something else.
const maxUptime = 100 * 365 * 24 * time.Hour

// about reads the lines in which a machine tells what it is: uname, /proc/version,
// uptime, ver, systeminfo, sw_vers.
type about struct{ systeminfo bool }

func aboutBegins(line []byte) bool {
	return aboutLine(line) != aboutNothing
}

type aboutKind uint8

const (
	aboutNothing aboutKind = iota
	aboutUname
	aboutUptime
	aboutVer
	aboutSystemInfo
	aboutSwVers
)

func aboutLine(line []byte) aboutKind {
	if len(line) < 8 || len(line) > 400 {
		return aboutNothing
	}
	switch line[0] {
	case 'L', 'D', 'F', 'O', 'N', 'S', 'A', 'C':
		if _, _, _, ok := unameLine(line); ok {
			return aboutUname
		}
	case 'M':
		if bytes.HasPrefix(line, []byte("Microsoft Windows")) && windowsVersion(line) != "" {
			return aboutVer
		}
	case 'P':
		if bytes.HasPrefix(line, []byte("ProductName:")) {
			return aboutSwVers
		}
	case ' ', 't', 'u', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if _, ok := uptimeLine(line); ok {
			return aboutUptime
		}
	}
	if line[0] >= '0' && line[0] <= '9' {
		return aboutNothing
	}
	// systeminfo is translated; the product's name is not.
	if at := bytes.Index(line, []byte("  Microsoft Windows ")); at > 0 && bytes.IndexByte(line[:at], ':') > 0 || bytes.HasPrefix(line, []byte("Host Name:   ")) {
		return aboutSystemInfo
	}
	return aboutNothing
}

func (t *about) Read(line []byte, into *form.Builder) form.Verdict {
	switch aboutLine(line) {
	case aboutUname:
		os, name, release, _ := unameLine(line)
		into.OS(os)
		into.MachineName(name)
		if into.Machine.Kernel == "" {
			into.Machine.Kernel = release
		}
	case aboutUptime:
		into.Machine.Uptime, _ = uptimeLine(line)
	case aboutVer:
		into.OS("windows")
		if into.Machine.Kernel == "" {
			into.Machine.Kernel = windowsVersion(line)
		}
	case aboutSystemInfo:
		t.systeminfo = true
		if name, ok := bytes.CutPrefix(line, []byte("Host Name:")); ok {
			into.MachineName(string(bytes.TrimSpace(name)))
		} else {
			into.OS("windows")
		}
	case aboutSwVers:
		into.OS("darwin")
	default:
		if bytes.HasPrefix(line, []byte("ProductVersion:")) || bytes.HasPrefix(line, []byte("BuildVersion:")) {
			return form.Row
		}
		return t.more(line, into)
	}
	return form.Row
}

// more reads on in systeminfo, where every line is "Name:   value" or goes on below it.
func (t *about) more(line []byte, into *form.Builder) form.Verdict {
	colon := bytes.Index(line, []byte(":  "))
	if !t.systeminfo || colon < 1 && !bytes.HasPrefix(line, []byte("             ")) {
		return form.Foreign
	}
	// "10.0.17763 N/A Build 17763", whatever N/A is called.
	if colon > 0 && into.Machine.Kernel == "" {
		if words := bytes.Fields(line[colon+1:]); len(words) >= 3 && bytes.Count(words[0], []byte(".")) == 2 && bytes.Contains(line, []byte("Build ")) && isVersion(words[0]) {
			into.OS("windows")
			into.Machine.Kernel = string(words[0])
		}
	}
	return form.Row
}

func (*about) Close(*form.Builder) {}

// unameLine reads "Linux web-1 5.10.0-8-amd64 #1 SMP …", "Linux 5.10.0" and
// "Linux version 5.10.0 (…".
func unameLine(line []byte) (os, name, release string, ok bool) {
	first, rest, _ := bytes.Cut(line, []byte(" "))
	if len(first) < 3 || len(first) > 20 {
		return "", "", "", false
	}
	if bytes.IndexByte(first, '.') >= 0 || bytes.IndexByte(rest[:min(len(rest), 100)], '.') < 0 {
		return "", "", "", false
	}
	switch first[len(first)-1] { // no allocation for what is none
	case 'x', 'n', 'D', 'S', 'y', 'T', 's', 'X', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		os, ok = form.OSOf(string(first))
	}
	if !ok {
		return "", "", "", false
	}
	words := bytes.Fields(rest[:min(len(rest), 300)])
	if len(words) == 0 {
		return "", "", "", false
	}
	switch {
	case len(words) <= 2 && isVersion(words[0]):
		return os, "", string(words[0]), true
	case len(words) < 2 || !isVersion(words[1]):
		return "", "", "", false
	case string(words[0]) == "version":
		return os, "", string(words[1]), true
	case len(words) >= 3 && (words[2][0] == '#' || bytes.Equal(words[2], first) || words[2][0] >= '0' && words[2][0] <= '9' || bytes.HasSuffix(rest, []byte("GNU/Linux"))):
		return os, string(words[0]), string(words[1]), true
	}
	return "", "", "", false
}

// isVersion: a digit, and a dot after digits.
func isVersion(word []byte) bool {
	dot := bytes.IndexByte(word, '.')
	if dot < 1 || dot > 4 || len(word) > 80 {
		return false
	}
	_, ok := form.Decimal(word[:dot])
	return ok
}

// windowsVersion finds "10.0.17763.107" in "Microsoft Windows [Version 10.0.17763.107]",
// whose word is translated; "" when it is not there.
func windowsVersion(line []byte) string {
	open := bytes.IndexByte(line, '[')
	if open < 0 {
		return ""
	}
	end := bytes.IndexByte(line[open:], ']')
	if end < 0 {
		return ""
	}
	words := bytes.Fields(line[open+1 : open+end])
	if len(words) == 0 || !isVersion(words[len(words)-1]) {
		return ""
	}
	return string(words[len(words)-1])
}

// uptimeLine reads " 20:02:31 up 12 days,  7:27,  1 user,  load average: …" of
// uptime, w and top, "20:02  up 2 hrs, 3 users, load averages: …" of BSD, and
// "up 2 weeks, 3 days, 4 hours, 5 minutes" of uptime -p.
func uptimeLine(line []byte) (up time.Duration, ok bool) {
	at := bytes.Index(line, []byte("up "))
	if at < 0 || at > 24 || at > 0 && line[at-1] != ' ' {
		return 0, false
	}
	load := bytes.Index(line, []byte("load average"))
	if load < 0 && at != 0 || at > 0 && bytes.Count(line[:at], []byte(":")) == 0 {
		return 0, false
	}
	parts := 0
	for part := range bytes.SplitSeq(line[at+3:], []byte(",")) {
		d, ok := uptimePart(string(bytes.TrimSpace(part)))
		if !ok {
			break
		}
		if up += d; up > maxUptime {
			return 0, false
		}
		parts++
	}
	return up, parts > 0
}

func uptimePart(text string) (time.Duration, bool) {
	number, unit, _ := strings.Cut(text, " ")
	if hours, minutes, ok := strings.Cut(number, ":"); ok {
		h, err1 := strconv.ParseUint(hours, 10, 20)
		m, err2 := strconv.ParseUint(minutes, 10, 6)
		return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, err1 == nil && err2 == nil && unit == ""
	}
	n, err := strconv.ParseUint(number, 10, 20)
	if err != nil {
		return 0, false
	}
	of := map[string]time.Duration{"sec": time.Second, "min": time.Minute, "minute": time.Minute, "hr": time.Hour, "hour": time.Hour,
		"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "year": 365 * 24 * time.Hour}[strings.TrimSuffix(strings.TrimSpace(unit), "s")]
	return time.Duration(n) * of, of > 0
}

// neigh counts the entries of "ip neigh": "10.0.0.1 dev eth0 lladdr 02:00:… REACHABLE".
type neigh struct{ v4, v6 uint64 }

func neighBegins(line []byte) bool {
	at := bytes.Index(line[:min(len(line), 60)], []byte(" dev "))
	if at < 2 {
		return false
	}
	state := line[bytes.LastIndexByte(line, ' ')+1:]
	switch string(state) {
	case "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "INCOMPLETE", "PERMANENT", "NOARP", "NONE":
	default:
		return false
	}
	_, ok := neighAddress(line[:at])
	return ok
}

// neighAddress: an address, and nothing that merely stands for one.
func neighAddress(word []byte) (v6, ok bool) {
	if _, ok := form.IPv4(word); ok {
		return false, true
	}
	a, _ := form.HostPart(word)
	return true, a.Is6() && a.Zone() == "" && bytes.Count(word, []byte(":")) >= 2
}

func (t *neigh) Read(line []byte, into *form.Builder) form.Verdict {
	line = bytes.TrimRight(line, " ")
	if !neighBegins(line) {
		return form.Foreign
	}
	if v6, _ := neighAddress(line[:bytes.Index(line, []byte(" dev "))]); v6 {
		t.v6++
	} else {
		t.v4++
	}
	return form.Row
}

func (t *neigh) Close(into *form.Builder) {
	into.OS("linux")
	if t.v4 > 0 {
		into.Neighbours("ipv4", host.Some(t.v4), host.Opt{})
	}
	if t.v6 > 0 {
		into.Neighbours("ipv6", host.Some(t.v6), host.Opt{})
	}
}
