package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sockeye/internal/host"
)

// appendJSONString appends s quoted for JSON. The string stays what it is, for
// programs; every character that could drive a terminal or deceive a reader is
// written as \uXXXX. Bytes that are no UTF-8 become U+FFFD: JSON has no others.
func appendJSONString[T string | []byte](dst []byte, s T) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		if c < utf8.RuneSelf {
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, `\ufffd`...)
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		default:
			dst = appendUTF16(dst, r)
		}
		i += size
	}
	return append(dst, '"')
}

func appendUTF16(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	unit := func(u rune) {
		dst = append(dst, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	if r > 0xFFFF {
		r -= 0x10000
		unit(0xD800 + r>>10)
		unit(0xDC00 + r&0x3FF)
	} else {
		unit(r)
	}
	return dst
}

// printableFrom escapes what was appended to dst since start (host.Printable).
func printableFrom(dst []byte, start int) []byte {
	for _, c := range dst[start:] {
		if c < ' ' || c > '~' {
			return host.AppendPrintable(dst[:start], string(dst[start:]))
		}
	}
	return dst
}

// csvFrom quotes what was appended to dst since start, where RFC 4180 asks. A cell
// that a spreadsheet would take for a formula (a process may be called
// "=cmd|…") begins with an apostrophe, which spreadsheets read as "text".
func csvFrom(dst []byte, start int) []byte {
	dst = printableFrom(dst, start)
	if len(dst) > start+1 && strings.IndexByte("=+-@", dst[start]) >= 0 {
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '\''
	}
	quote := false
	for _, c := range dst[start:] {
		quote = quote || c == '"' || c == ','
	}
	if !quote {
		return dst
	}
	cell := string(dst[start:])
	dst = append(dst[:start], '"')
	for i := range len(cell) {
		if cell[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, cell[i])
	}
	return append(dst, '"')
}
