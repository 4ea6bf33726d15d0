package paste

// The numbers of all kinds of text. None of these accepts a sign.

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number tells whether a word is nothing but digits, at most as many as 64 bits need.
func number(word []byte) bool {
	for _, c := range word {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(word) > 0 && len(word) <= 20
}

// decimal reads an unsigned number of at most 19 digits, which 64 bits always hold.
func decimal(word []byte) (n uint64, ok bool) {
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

// smallNumber is decimal for numbers that are at most most.
func smallNumber(word []byte, most uint64) (n uint64, ok bool) {
	n, ok = decimal(word)
	return n, ok && n <= most
}

// hexadecimal reads an unsigned number of at most 16 digits.
func hexadecimal(word []byte) (n uint64, ok bool) {
	if len(word) == 0 || len(word) > 16 {
		return 0, false
	}
	for _, c := range word {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return n, true
}

// hexDigit is -1 for what is no hexadecimal digit.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
