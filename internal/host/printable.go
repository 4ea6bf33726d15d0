package host

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Printable returns s with everything escaped that may deceive a reader or
// drive a terminal: control characters and escape sequences (C0 and C1),
// invalid UTF-8, direction marks and other invisible characters (Unicode
// categories Cc, Cf, Co, Cs, Zl, Zp, unusual spaces, and letters that have no
// shape). They appear as \n, \x1b, \u202e; a backslash stays as it is. Text
// that needs nothing is returned as it is, without a copy.
func Printable(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return string(AppendPrintable(make([]byte, 0, len(s)+16), s))
		}
	}
	return s
}

// AppendPrintable appends Printable(s) to dst.
func AppendPrintable(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; ' ' <= c && c <= '~' {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = appendHexByte(dst, s[i])
		case unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
			dst = append(dst, s[i:i+size]...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r < 0x80:
			dst = appendHexByte(dst, byte(r))
		default:
			// QuoteRuneToASCII gives '\u202e' or '\U000e0001' in quotes.
			quoted := strconv.QuoteRuneToASCII(r)
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return dst
}

func appendHexByte(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'x', digits[c>>4], digits[c&15])
}
