package settings

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"sockeye/internal/paste/form"
)

// portRanges reads "netsh … show dynamicport" and "show excludedportrange" in any
// language: a heading that names the protocol, dashes, and then either two lines
// that end in a number each (the first port, how many) or a table of two numbers
// (the first port, the last).
type portRanges struct {
	held     [][]byte
	protocol string
	family   string
	dashes   int
	numbers  []uint64
	ranges   []string
	sure     bool
}

const rangesMax = 4096

// portRangesBegin: a short line without numbers that names a protocol and ports,
// or, where the heading was not copied, the rule of the table of excluded ports.
func portRangesBegin(line []byte) bool {
	if len(line) < 8 || len(line) > 160 {
		return false
	}
	if line[0] == '-' {
		return isRangesRule(line)
	}
	if portProtocol(line) == "" {
		return false
	}
	return !bytes.ContainsAny(line, "0123456789:=/\\.|$#") && hasPortWord(line)
}

// portProtocol finds the protocol that a heading names.
func portProtocol(line []byte) string {
	for _, p := range []string{"tcp", "udp", "TCP", "UDP"} {
		at := bytes.Index(line, []byte(p))
		if at >= 0 && (at == 0 || !form.IsASCIILetter(line[at-1])) && (at+3 == len(line) || !form.IsASCIILetter(line[at+3])) {
			return strings.ToLower(p)
		}
	}
	return ""
}

// hasPortWord: "port" in the languages of Windows. What a wrong code page made of
// letters beyond ASCII is let pass: the dashes and numbers below decide.
func hasPortWord(line []byte) bool {
	for _, c := range line {
		if c >= utf8.RuneSelf {
			return true
		}
	}
	low := bytes.ToLower(line)
	for _, word := range []string{"port", "puert", "poort"} {
		if bytes.Contains(low, []byte(word)) {
			return true
		}
	}
	return false
}

// isRangesRule: "----------    --------".
func isRangesRule(line []byte) bool {
	words := bytes.Fields(line)
	return len(words) == 2 && len(words[0]) == 10 && len(words[1]) == 8 && isRule(words[0]) && isRule(words[1])
}

func isRule(word []byte) bool { return len(word) > 5 && len(bytes.Trim(word, "-")) == 0 }

func (t *portRanges) Read(line []byte, into *form.Builder) form.Verdict {
	if t.held == nil && !t.sure {
		t.protocol = portProtocol(line)
		t.context(into)
		if !isRangesRule(line) {
			t.held = append(t.held, bytes.Clone(line))
			return form.Skipped
		}
	}
	v := t.take(line)
	if v != form.Foreign && (!t.sure || t.held == nil) {
		t.held = append(t.held, bytes.Clone(line))
	}
	return v
}

// context takes from the command what the table does not say: the family.
func (t *portRanges) context(into *form.Builder) {
	before := strings.ToLower(string(into.Prose))
	t.family = "ipv4"
	if strings.Contains(before, "ipv6") {
		t.family = "ipv6"
	}
	if t.protocol == "" {
		t.protocol = "tcp"
		if strings.Contains(before, "udp") {
			t.protocol = "udp"
		}
	}
}

func (t *portRanges) take(line []byte) form.Verdict {
	trimmed := bytes.TrimSpace(line)
	words := bytes.Fields(trimmed[:min(len(trimmed), 200)])
	switch {
	case len(words) == 0:
		return form.Skipped
	case isRule(words[0]) && (len(words) == 1 || len(words) == 2 && isRule(words[1])):
		if t.dashes != 0 {
			return form.Foreign
		}
		t.dashes = len(words)
		return form.Skipped
	case t.dashes == 0: // the heading of the columns
		if len(t.held) >= 4 || len(trimmed) > 100 || bytes.ContainsAny(trimmed, "0123456789") {
			return form.Foreign
		}
		return form.Skipped
	case t.dashes == 1:
		colon := bytes.LastIndexByte(trimmed, ':')
		if colon < 0 {
			colon = bytes.LastIndexByte(trimmed, ' ') // "端口数：16384" has a wide colon
			if at := bytes.LastIndex(trimmed, []byte("：")); at >= 0 {
				colon = at + len("：") - 1
			}
		}
		if colon < 0 || len(t.numbers) == 2 {
			return form.Foreign
		}
		n, ok := form.Decimal(bytes.TrimSpace(trimmed[colon+1:]))
		if !ok || n > 65536 {
			return form.Foreign
		}
		t.numbers = append(t.numbers, n)
		t.sure = len(t.numbers) == 2
		return form.Row
	}
	if t.sure && trimmed[0] == '*' && len(words) > 1 && words[1][0] == '-' {
		return form.Skipped // "* - …": what the asterisk means
	}
	if len(words) < 2 || len(words) > 2 && string(words[2]) != "*" && !form.IsRemark(words[2]) {
		return form.Foreign
	}
	from, ok1 := form.Decimal(words[0])
	to, ok2 := form.Decimal(words[1])
	if !ok1 || !ok2 {
		return form.Foreign
	}
	if from > to || to > 65535 {
		return form.Bad
	}
	t.sure = true
	if len(t.ranges) < rangesMax {
		t.ranges = append(t.ranges, strconv.FormatUint(from, 10)+"-"+strconv.FormatUint(to, 10))
	}
	return form.Row
}

func (t *portRanges) Refused() [][]byte {
	if t.sure {
		return nil
	}
	return t.held
}

func (t *portRanges) Close(into *form.Builder) {
	into.OS("windows")
	if t.dashes == 1 {
		into.Setting("windows.dynamicport."+t.family+"."+t.protocol, strconv.FormatUint(t.numbers[0], 10)+" "+strconv.FormatUint(t.numbers[1], 10))
		return
	}
	into.Setting("windows.excludedportrange."+t.family+"."+t.protocol, strings.Join(t.ranges, ","))
}
