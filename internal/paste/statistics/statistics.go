package statistics

import (
	"bytes"
	"strconv"

	"sockeye/internal/paste/form"
)

// netstat -s counts since boot. Linux writes sentences, Windows "name = number",
// BSD other sentences; all become the counters that nstat names.
var Kinds = []form.Kind{
	{Name: "netstat -s", Commented: true, Begins: beginsSentences, Open: func() form.Reader { return &sentences{} }},
	{Name: "netstat -s (Windows)", Commented: true, Begins: beginsEquations, Open: func() form.Reader { return &equations{} }},
	{Name: "netstat -s (Solaris)", Commented: true, Begins: beginsSunCounts, Open: func() form.Reader { return &sunCounts{} }},
	{Name: "netstat -s (BSD)", Commented: true, Begins: beginsBSDCounts, Open: func() form.Reader { return &bsdCounts{} }},
}

// countersMost is how many counters a text may have; Linux 6.18 has some 400.
const countersMost = 2000

// sentences reads netstat -s of Linux: sections "Tcp:" and indented sentences, or
// single ones that grep let through.
type sentences struct {
	section string
	rows    int
}

// sentenceSections are the titles of net-tools, which are those of /proc.
var sentenceSections = map[string]bool{
	"Ip": true, "Icmp": true, "IcmpMsg": true, "Tcp": true, "Udp": true, "UdpLite": true, "TcpExt": true, "IpExt": true,
	"Ip6": true, "Icmp6": true, "Udp6": true, "UdpLite6": true, "Tcp6": true, "MPTcpExt": true, "Sctp": true,
}

func beginsSentences(line []byte) bool {
	switch c := form.FirstByte(line); {
	case c >= '0' && c <= '9', c == 'Q', c == 'D', c == 'R':
		if len(line) > 200 {
			return false
		}
		_, _, ok := sentence(line, "")
		return ok
	case c == 'T', c == 'I', c == 'U':
		if title, ok := sectionTitle(line); ok {
			return sentenceSections[title] && line[0] != ' '
		}
		name, _, ok := namedCounter(line)
		return ok && len(name) > 4 && bytes.HasPrefix(name, []byte("TCP")) && name[3] >= 'A' && name[3] <= 'Z'
	}
	return false
}

// sectionTitle: "TcpExt:" and nothing else in the line.
func sectionTitle(line []byte) (title string, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) < 3 || len(line) > 16 || line[len(line)-1] != ':' {
		return "", false
	}
	for _, c := range line[:len(line)-1] {
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '6' {
			return "", false
		}
	}
	return string(line[:len(line)-1]), true
}

// namedCounter: "TCPTimeouts: 6", as net-tools writes what it has no sentence for.
func namedCounter(line []byte) (name []byte, value uint64, ok bool) {
	name, rest, found := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
	if rest = bytes.TrimSpace(rest); !found || len(name) < 2 || len(name) > 48 || !form.IsNumber(rest) {
		return nil, 0, false
	}
	for _, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' {
			return nil, 0, false
		}
	}
	value, err := strconv.ParseUint(string(rest), 10, 64)
	return name, value, err == nil
}

// sentence reads "12 times the listen queue of a socket overflowed": the counter's
// name is that of the sentence without its number.
func sentence(line []byte, section string) (name string, value uint64, ok bool) {
	key, value, ok := unnumbered(bytes.TrimRight(bytes.TrimSpace(line), "."))
	if !ok {
		return "", 0, false
	}
	if name, ok = sentencesOf[section][key]; ok {
		return name, value, true
	}
	for _, other := range []string{"TcpExt", "Tcp"} {
		if section == "" || (section == "Tcp" && other == "TcpExt") {
			if name, ok = sentencesOf[other][key]; ok {
				return name, value, true
			}
		}
	}
	return "", 0, false
}

// unnumbered puts "#" in the place of the first number.
func unnumbered(line []byte) (key string, value uint64, ok bool) {
	from := bytes.IndexAny(line, "0123456789")
	if from < 0 || len(line) > 200 {
		return "", 0, false
	}
	to := from
	for to < len(line) && line[to] >= '0' && line[to] <= '9' {
		to++
	}
	value, err := strconv.ParseUint(string(line[from:to]), 10, 64)
	if err != nil {
		return "", 0, false
	}
	return string(line[:from]) + "#" + string(line[to:]), value, true
}

func (s *sentences) Read(line []byte, b *form.Builder) form.Verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return form.Skipped
	}
	if title, ok := sectionTitle(line); ok && line[0] != ' ' && line[0] != '\t' {
		if !sentenceSections[title] {
			return form.Foreign
		}
		s.section = title
		b.OS("linux")
		return form.Skipped
	}
	if name, value, ok := sentence(line, s.section); ok {
		return s.keep(b, name, value)
	}
	indented := line[0] == ' ' || line[0] == '\t'
	if name, value, ok := namedCounter(line); ok && (indented || s.section != "" || bytes.HasPrefix(name, []byte("TCP"))) {
		section := s.section
		if section == "" {
			section = "TcpExt" // the only one that net-tools lacks many sentences of
		}
		return s.keep(b, section+string(name), value)
	}
	if indented && s.section != "" && len(line) < 200 && counts(line) {
		return form.Skipped // a sentence that is of no use here
	}
	return form.Foreign
}

// counts tells whether a line may be a sentence of netstat -s that is not known here:
// it has a number, or is the title of a histogram. What logs write below has none, or
// it stands within words ("192.0.2.9:80", "[Errno 24]"), or goes on behind a colon.
func counts(line []byte) bool {
	line = bytes.TrimSpace(line)
	if form.HasWords(line, "Forwarding is ") || form.HasWords(line, "RTO algorithm is ") {
		return true
	}
	if bytes.HasSuffix(line, []byte(":")) || bytes.HasSuffix(line, []byte("\uff1a")) {
		return true
	}
	if at := bytes.LastIndex(line, []byte(": ")); at >= 0 {
		return form.IsNumber(bytes.TrimSpace(line[at+2:]))
	}
	plain := true // ASCII: where words have no blanks between them, the number has none
	for _, c := range line {
		plain = plain && c < 0x80
	}
	for w := range bytes.FieldsSeq(line) {
		if form.IsNumber(w) || !plain && bytes.ContainsAny(w, "0123456789") {
			return true
		}
	}
	return false
}

func (s *sentences) keep(b *form.Builder, name string, value uint64) form.Verdict {
	if s.rows++; s.rows > countersMost {
		return form.Skipped
	}
	b.OS("linux")
	b.Counter(name, value)
	return form.Row
}

func (s *sentences) Close(*form.Builder) {}
