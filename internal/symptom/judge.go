package symptom

import (
	"bytes"
	"slices"

	"sockeye/internal/host"
)

// verdict is what a stretch of a line says.
type verdict struct {
	message *message // nil: no program's own words
	code    *code    // nil: the message has none
	os      string
	call    string
	runtime host.Runtime
	start   int // in the line
	end     int
	ways    uint8 // in which an event is told
	mark    *mark
}

// apart is how far things in a line stand from each other that are not about the
// same error, in bytes: for logs that have no line ends.
const apart = 1000

// judge divides what a line holds and says what each part is about.
func (s *Scanner) judge(low []byte) []verdict {
	found := s.hits(low)
	slices.SortStableFunc(found, func(a, b evidence) int { return a.start - b.start })
	verdicts := s.verdicts[:0]
	for len(found) > 0 {
		many, end := 1, found[0].end
		for many < len(found) && (found[many].start-end < apart || traced(low[end:found[many].start])) {
			end = max(end, found[many].end)
			many++
		}
		if v, ok := s.decide(low, found[:many]); ok {
			verdicts = append(verdicts, v)
		}
		found = found[many:]
	}
	s.verdicts = verdicts
	return verdicts
}

// waysOf tells in which ways a line tells of an event.
func waysOf(low []byte, found []evidence, m *message) (ways uint8) {
	for i := range found {
		switch e := &found[i]; {
		case e.mark.message != m:
		case e.mark.kind != ofEvent:
			ways |= byText
		case e.start > 0 && low[e.start-1] == '>':
			ways |= byXML
		default:
			ways |= byNumber
		}
	}
	return ways
}

// traced: a stack trace in one line, with its line ends written as \n.
func traced(between []byte) bool {
	for _, frame := range []string{`\n\tat `, `\n   at `, `\n    at `, `\nat `, `\n  file \"`} {
		if bytes.Contains(between, []byte(frame)) {
			return true
		}
	}
	return false
}

// decide makes one verdict of all that stands together.
func (s *Scanner) decide(low []byte, found []evidence) (verdict, bool) {
	v := verdict{start: found[0].start}
	var first *evidence
	for i := range found {
		e := &found[i]
		v.end = max(v.end, e.end)
		if first == nil || before(e, first) {
			first = e
		}
	}
	if denied(low, found) {
		return v, false
	}
	v.mark, v.message, v.code = first.mark, first.mark.message, first.code
	if v.message != nil {
		v.ways = waysOf(low, found, v.message)
		v.call = v.message.Call
		if v.code == nil && (v.message.Number || v.message.Call != "") {
			v.code, v.os = s.adopted(low, v.message, found, first.end)
		}
	}
	firm := v.message != nil
	for i := range found {
		e := &found[i]
		if e.code != v.code && e.mark.message == nil {
			continue
		}
		firm = firm || !e.weak
		if v.os == "" || e.os == "windows" {
			v.os = e.os
		}
		if v.runtime == "" {
			v.runtime = e.runtime
		}
	}
	if v.call == "" || v.runtime == "" {
		c := s.table.surroundings(low, v.start, v.end)
		if v.call == "" {
			v.call = callOf(low, v.start, v.end, c)
		}
		if v.runtime == "" {
			v.runtime = runtimeOf(low, v, c)
		}
	}
	if v.message == nil && bytes.HasPrefix(low[v.end:], []byte(": no further information")) {
		v.os, v.call = "windows", "connect" // said by the finishConnect() of Java's NIO there
	}
	if v.message == nil && bytes.HasPrefix(low[v.end:], []byte(": connect")) && v.runtime == host.JVM {
		v.os = "windows" // what Java puts behind the text there, and nowhere else
	}
	if v.code != nil && v.message == nil && unixDomain(low, &v) {
		return v, false
	}
	if v.code != nil && v.message == nil && v.call == "" && wildcard(low[v.end:]) {
		v.call = "listen" // nobody connects to all addresses
	}
	if v.code != nil && v.message == nil && v.call == "" {
		firm = firm && (v.code.Needs != "call" || certain(found, v.code))
	}
	firm = firm || v.call != "" && v.code != nil
	if v.call == "" && v.message == nil && v.code != nil && !bytes.HasSuffix(low[:v.start], []byte("read: ")) {
		v.call = v.code.Call
	}
	return v, firm
}

// wildcard: all addresses and a port stand right behind an error: "EACCES: permission
// denied 0.0.0.0:3000".
func wildcard(behind []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(behind[:min(len(behind), 24)], []byte(": ")), " -(")
	for _, all := range []string{"0.0.0.0:", ":::", "[::]:"} {
		if rest, ok := bytes.CutPrefix(text, []byte(all)); ok {
			return len(rest) > 0 && digit(rest[0])
		}
	}
	return false
}

// unixDomain tells whether an error is about the path or the rights of a UNIX domain
// socket, which has neither an address nor a port.
func unixDomain(low []byte, v *verdict) bool {
	switch v.code.Name {
	case "EADDRINUSE", "EADDRNOTAVAIL", "EACCES", "EPERM":
	default:
		return false
	}
	around := low[max(0, v.start-200):min(len(low), v.end+60)]
	for _, sign := range []string{"unix:/", "dial unix", "listen unix", "af_local", "af_unix", "unix://"} {
		if bytes.Contains(around, []byte(sign)) {
			return true
		}
	}
	return false
}

// before orders evidence: a program's own message, the longer one, then the error
// that matters more, then what is certain, then what comes first.
func before(a, b *evidence) bool {
	if own, other := a.mark.message != nil, b.mark.message != nil; own != other {
		return own
	}
	if a.mark.message != nil {
		return a.mark.weight > b.mark.weight
	}
	if a.weak != b.weak {
		return b.weak
	}
	if a.code != b.code {
		return a.code.Weight > b.code.Weight
	}
	return false
}

// certain: a Windows text or number is said of sockets only, whatever the call.
func certain(found []evidence, c *code) bool {
	for i := range found {
		if found[i].code == c && found[i].os == "windows" && !found[i].weak {
			return true
		}
	}
	return false
}

// adopted gives a message without a code of its own that which stands beside it.
func (s *Scanner) adopted(low []byte, m *message, found []evidence, end int) (*code, string) {
	for i := range found {
		if found[i].code != nil && !found[i].weak {
			return found[i].code, found[i].os
		}
	}
	if m.Number {
		return s.inBrackets(low, end)
	}
	return nil, ""
}

// candidates of a verdict: a message's own, else those of its code, the most
// particular first.
func (v *verdict) candidates() []string {
	if m := v.message; m != nil && (!m.Number || v.code == nil) {
		if list := m.When[v.call]; list != nil {
			return list
		}
		return m.Candidates
	}
	c := v.code.Candidates
	if list := c[v.os+"/"+v.call]; list != nil {
		return list
	}
	// On Windows a call's error does not mean what it means elsewhere.
	if list := c[v.call]; list != nil && v.call != "" && (v.os != "windows" || c[v.os] == nil) {
		return list
	}
	if list := c[v.os]; list != nil {
		return list
	}
	return c[""]
}

// name of a verdict's code as its system spells it.
func (v *verdict) name() string {
	switch {
	case v.message != nil && v.message.Event.ID != 0:
		return "event " + itoa(v.message.Event.ID)
	case v.code == nil:
		return ""
	case v.os == "windows" && v.code.Windows != 0:
		return "WSA" + v.code.Name
	}
	return v.code.Name
}

// weight of one occurrence.
func (v *verdict) weight() int {
	if v.message != nil && v.message.Weight > 0 {
		return v.message.Weight
	}
	if v.code != nil {
		return v.code.Weight
	}
	return 5
}

func itoa(n uint32) string {
	var b [10]byte
	at := len(b)
	for {
		at--
		b[at] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[at:])
		}
	}
}
