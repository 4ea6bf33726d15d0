package paste

import "bytes"

// componentsMost is how many lines -b prints below a row: with -v one a module.
const componentsMost = 40

// aside reads what is no row: headings, and what -b prints below a row.
func (t *plainTable) aside(line []byte, b *builder) verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case plainHeading(line), string(trimmed) == "Active Connections":
		if t.rows > 0 {
			return foreign // an interval: another table
		}
		if plainHeading(line) {
			t.noPID = !bytes.Contains(line, []byte("PID"))
		}
		return skipped
	case t.rows == 0:
		if t.n >= 4 && string(t.word[0]) == "Proto" && len(line) < 120 {
			return skipped // the heading, its blanks lost
		}
		return foreign
	case isCut(trimmed):
		return foreign // and the part goes on
	case number(trimmed) && t.portGoesOn(line, trimmed, b):
		return skipped
	case len(trimmed) > 2 && trimmed[0] == '[' && trimmed[len(trimmed)-1] == ']':
		return t.program(trimmed[1:len(trimmed)-1], b)
	}
	t.components++
	if t.components > componentsMost || !t.below(line, trimmed) {
		return foreign
	}
	if t.pid == 0 && !t.named && (refused(trimmed) || complaint(line, trimmed)) {
		b.cannot("paste-owners-refused", "")
	}
	return skipped
}

// program gives the last row the program that "[java.exe]" names.
func (t *plainTable) program(name []byte, b *builder) verdict {
	if len(name) > 260 || isCut(name) { // MAX_PATH
		return foreign
	}
	t.programs = true
	if t.named {
		return skipped
	}
	t.named = true
	if t.pid != 0 {
		b.process(t.pid, string(name))
		return skipped
	}
	if len(b.processes) >= processesMost {
		return skipped
	}
	p := b.nameless(string(name))
	if t.lastUDP {
		p.UDP = max(p.UDP, 0) + 1
		return skipped
	}
	if s := b.last(); s != nil && s.PID == 0 {
		s.PID = p.PID
	}
	return skipped
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
	case isASCIILetter(trimmed[0]) && bytes.HasPrefix(trimmed[1:], []byte(`:\`)): // with -v the modules
		return bytes.IndexByte(trimmed, '>') < 0
	}
	return t.programs && line[0] != '\t' && isServiceName(trimmed)
}

// isServiceName: a component whose name has blanks ("Net Driver HPZ12"): a few
// words, each with a capital or a digit in front. Messages go on in small letters.
func isServiceName(text []byte) bool {
	words := 0
	for w := range bytes.FieldsSeq(text) {
		if c := w[0]; (c < 'A' || c > 'Z') && !isDigit(c) && c < 0x80 || bytes.ContainsAny(w, "$#>=:,;\"'[(") {
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
