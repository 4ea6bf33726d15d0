package form

import "bytes"

// The numbers of all kinds of text. None of these accepts a sign.

// IsDigit: 0 to 9.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

// IsNumber tells whether a word is nothing but digits, at most as many as 64 bits need.
func IsNumber(word []byte) bool {
	for _, c := range word {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(word) > 0 && len(word) <= 20
}

// Decimal reads an unsigned number of at most 19 digits, which 64 bits always hold.
func Decimal(word []byte) (n uint64, ok bool) {
	if len(word) == 0 || len(word) > 19 {
		return 0, false
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// SmallNumber is Decimal for numbers that are at most most.
func SmallNumber(word []byte, most uint64) (n uint64, ok bool) {
	n, ok = Decimal(word)
	return n, ok && n <= most
}

// Hexadecimal reads an unsigned number of at most 16 digits.
func Hexadecimal(word []byte) (n uint64, ok bool) {
	if len(word) == 0 || len(word) > 16 {
		return 0, false
	}
	for _, c := range word {
		d := HexDigit(c)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return n, true
}

// HexDigit is -1 for what is no hexadecimal digit.
func HexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// IsNumbers: digits, blanks and what joins ranges.
func IsNumbers(value []byte) bool {
	return len(value) > 0 && len(bytes.Trim(value, "0123456789")) < len(value) && len(bytes.TrimLeft(value, "-0123456789 \t,.")) == 0
}
