package symptom

import "bytes"

// pidOf reads the process that a line names: nginx's "1234#0:", syslog's "prog[123]:",
// "pid=123", Redis' "1234:M", PostgreSQL's "[1234] FATAL".
func pidOf(line []byte) int32 {
	head := line[:min(len(line), 400)]
	for i := 0; i < len(head); i++ {
		switch head[i] {
		case '#': // 1234#5678:
			if n, start := trailingNumber(head[:i]); start >= 0 && (start == 0 || head[start-1] == ' ' || head[start-1] == ':') && i+1 < len(head) && digit(head[i+1]) {
				if _, length := leadingNumber(head[i+1:]); i+1+length < len(head) && head[i+1+length] == ':' {
					return pid(n)
				}
			}
		case '[':
			n, length := leadingNumber(head[i+1:])
			after := i + 1 + length
			if length == 0 || after+1 >= len(head) || head[after] != ']' {
				continue
			}
			if i > 0 && (alnum(head[i-1]) || head[i-1] == '-' || head[i-1] == ')') && head[after+1] == ':' {
				return pid(n)
			}
			if i > 0 && head[i-1] == ' ' && capitals(head[after+1:]) {
				return pid(n)
			}
		case 'p', 'P':
			if n := afterPID(head, i); n > 0 {
				return n
			}
		}
	}
	if n, length := leadingNumber(head); length > 0 && len(head) > length+2 && head[length] == ':' && bytes.IndexByte([]byte("MSCX"), head[length+1]) >= 0 && head[length+2] == ' ' {
		return pid(n)
	}
	return 0
}

// capitals: " FATAL:", " ERROR:" behind the pid, as PostgreSQL writes by default.
func capitals(text []byte) bool {
	text = bytes.TrimLeft(text, " ")
	length := 0
	for length < len(text) && text[length] >= 'A' && text[length] <= 'Z' {
		length++
	}
	return length >= 3 && length < len(text) && text[length] == ':'
}

// afterPID: "pid=123", "pid 123", "PID: 123", `"pid":123`.
func afterPID(head []byte, i int) int32 {
	if i+4 > len(head) || i > 0 && alnum(head[i-1]) || head[i+1]|0x20 != 'i' || head[i+2]|0x20 != 'd' {
		return 0
	}
	rest := head[i+3:]
	skip := 0
	for skip < len(rest) && skip < 4 && bytes.IndexByte([]byte(" =:\""), rest[skip]) >= 0 {
		skip++
	}
	n, length := leadingNumber(rest[skip:])
	if skip == 0 || length == 0 {
		return 0
	}
	return pid(n)
}

// pid: no system has numbers above 2^22 (Linux) or so (Windows' are multiples of 4).
func pid(n uint32) int32 {
	if n < 1<<28 {
		return int32(n)
	}
	return 0
}
