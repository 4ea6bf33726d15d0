package netstat

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// componentsMost is how many lines -b prints below a row: with -v one a module.
const componentsMost = 40

// aside reads what is no row: headings, and what -b prints below a row.
func (t *plainTable) aside(line []byte, b *form.Builder) form.Verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case plainHeading(line), string(trimmed) == "Active Connections":
		if t.rows > 0 {
			return form.Foreign // an interval: another table
		}
		if plainHeading(line) {
			t.noPID = !bytes.Contains(line, []byte("PID"))
		}
		return form.Skipped
	case t.rows == 0:
		if t.N >= 4 && string(t.Word[0]) == "Proto" && len(line) < 120 {
			return form.Skipped // the heading, its blanks lost
		}
		return form.Foreign
	case form.IsCut(trimmed):
		return form.Foreign // and the part goes on
	case form.IsNumber(trimmed) && t.portGoesOn(line, trimmed, b):
		return form.Skipped
	case len(trimmed) > 2 && trimmed[0] == '[' && trimmed[len(trimmed)-1] == ']':
		return t.program(trimmed[1:len(trimmed)-1], b)
	}
	t.components++
	if t.components > componentsMost || !t.below(line, trimmed) {
		return form.Foreign
	}
	if t.pid == 0 && !t.named && (refused(trimmed) || complaint(line, trimmed)) {
		b.Cannot("paste-owners-refused", "")
	}
	return form.Skipped
}

// program gives the last row the program that "[java.exe]" names.
func (t *plainTable) program(name []byte, b *form.Builder) form.Verdict {
	if len(name) > 260 || form.IsCut(name) { // MAX_PATH
		return form.Foreign
	}
	t.programs = true
	if t.named {
		return form.Skipped
	}
	t.named = true
	if t.pid != 0 {
		b.Process(t.pid, string(name))
		return form.Skipped
	}
	if len(b.Processes) >= form.ProcessesMost {
		return form.Skipped
	}
	p := b.Nameless(string(name))
	if t.lastUDP {
		p.UDP = max(p.UDP, 0) + 1
		return form.Skipped
	}
	if s := b.Last(); s != nil && s.PID == 0 {
		s.PID = p.PID
	}
	return form.Skipped
}

// below tells whether a line can be one of those that -b prints below a row:
// short, indented, or a single word where programs have been seen.
func (t *plainTable) below(line, trimmed []byte) bool {
	if len(trimmed) > 120 {
		return false
	}
	if refused(trimmed) || t.components == 1 && !t.named && complaint(line, trimmed) {
		return true
	}
	indented := line[0] == ' ' || line[0] == '\t'
	single := !bytes.ContainsAny(trimmed, " \t$#>=:,;\"'(")
	switch {
	case len(trimmed) > 6 && bytes.HasPrefix(trimmed, []byte("-- ")) && bytes.HasSuffix(trimmed, []byte(" --")): // "-- unknown component(s) --"
		return true
	case single:
		return len(trimmed) <= 64 && (indented || t.programs)
	case len(trimmed) > 90 || !indented:
		return false
	case form.IsASCIILetter(trimmed[0]) && bytes.HasPrefix(trimmed[1:], []byte(`:\`)): // with -v the modules
		return bytes.IndexByte(trimmed, '>') < 0
	}
	return t.programs && line[0] != '\t' && isServiceName(trimmed)
}

// isServiceName: a component whose name has blanks ("Net Driver HPZ12"): a few
// words, each with a capital or a digit in front. Messages go on in small letters.
func isServiceName(text []byte) bool {
	words := 0
	for w := range bytes.FieldsSeq(text) {
		if c := w[0]; (c < 'A' || c > 'Z') && !form.IsDigit(c) && c < 0x80 || bytes.ContainsAny(w, "$#>=:,;\"'[(") {
			return false
		}
		words++
	}
	return words <= 5
}

// complaint: words in the place where Windows says, one blank from the left, that
// it may not tell who owns a row. Components stand two blanks from the left.
func complaint(line, trimmed []byte) bool {
	if len(line) < 30 || line[0] != ' ' || line[1] == ' ' || line[1] == '\t' || bytes.ContainsAny(trimmed, "0123456789:=$#<>[]|\\/\"") {
		return false
	}
	words := bytes.Count(trimmed, []byte(" ")) + 1
	return words > 2 && words < 12
}

// refused: Windows may not tell who owns a row.
func refused(trimmed []byte) bool {
	for _, words := range []string{
		"an not obtain ownership information", "annot obtain ownership information", "无法获取所有权信息", "無法取得擁有權資訊",
		"esitzerinformationen", "esitzinformationen", "informations de propri", "información de propietario", "informações de propriedade",
		"informazioni sul proprietario", "сведения о владельце", "所有者情報", "소유권 정보",
	} {
		if bytes.Contains(trimmed, []byte(words)) {
			return true
		}
	}
	return false
}
