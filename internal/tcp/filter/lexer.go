package filter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	end kind = iota
	word
	quoted // a word that is only ever a value: it was quoted or escaped
	open
	shut
	andSign
	orSign
	notSign
	comparison
)

// token is a piece of the line; pos is its byte offset.
type token struct {
	kind kind
	text string // word, quoted: the value; else as written
	op   op     // comparison
	pos  int
}

// special are the bytes that end a word.
const special = "()!=<>&|~\"'"

// lex cuts the line into tokens, the last of which is end.
func lex(line string) ([]token, *SyntaxError) {
	var tokens []token
	for pos := 0; pos < len(line); {
		r, size := utf8.DecodeRuneInString(line[pos:])
		if unicode.IsSpace(r) {
			pos += size
			continue
		}
		t, width, err := lexOne(line, pos)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		pos += width
	}
	return append(tokens, token{kind: end, pos: len(line)}), nil
}

// signs are the tokens of punctuation, longer ones before their beginnings.
var signs = []struct {
	text string
	kind kind
	op   op
}{
	{"&&", andSign, 0}, {"&", andSign, 0}, {"||", orSign, 0}, {"|", orSign, 0},
	{"(", open, 0}, {")", shut, 0},
	{"!=", comparison, ne}, {"!~", comparison, hasNot}, {"!", notSign, 0},
	{"==", comparison, eq}, {"=", comparison, eq}, {"~", comparison, has},
	{">=", comparison, ge}, {">", comparison, gt}, {"<=", comparison, le}, {"<", comparison, lt},
}

func lexOne(line string, pos int) (t token, width int, err *SyntaxError) {
	rest := line[pos:]
	switch rest[0] {
	case '"':
		return lexDouble(line, pos)
	case '\'':
		closing := strings.IndexByte(rest[1:], '\'')
		if closing < 0 {
			return t, 0, fail(line, pos, say{"this quote is never closed", "这个引号没有闭合"}, say{})
		}
		return token{quoted, rest[1 : 1+closing], 0, pos}, closing + 2, nil
	}
	for _, wrong := range []string{"=>", "=<"} {
		if strings.HasPrefix(rest, wrong) {
			right := wrong[1:] + "="
			return t, 0, fail(line, pos, say{"unknown operator %q", "未知的运算符 %q"},
				say{"write " + right, "请写 " + right}, wrong)
		}
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s.text) {
			return token{s.kind, s.text, s.op, pos}, len(s.text), nil
		}
	}
	return lexWord(line, pos)
}

// lexDouble reads a word in double quotes, with Go's escapes (\" \\ \n \x1b):
// any byte string can be written.
func lexDouble(line string, pos int) (t token, width int, err *SyntaxError) {
	text, qerr := strconv.QuotedPrefix(line[pos:])
	if qerr != nil {
		return t, 0, fail(line, pos, say{"this quote is never closed, or holds a bad escape", "这个引号没有闭合，或含有错误的转义"},
			say{`inside double quotes write \" for a quote and \\ for a backslash`, `双引号内用 \" 表示引号，用 \\ 表示反斜杠`})
	}
	value, qerr := strconv.Unquote(text)
	if qerr != nil {
		return t, 0, fail(line, pos, say{"bad escape inside the quotes", "引号内的转义有误"}, say{})
	}
	return token{quoted, value, 0, pos}, len(text), nil
}

// lexWord reads up to a blank or a special byte; a backslash takes the next
// character as it is, as in ss.
func lexWord(line string, pos int) (t token, width int, err *SyntaxError) {
	var value strings.Builder
	t = token{kind: word, pos: pos}
	i := pos
	for i < len(line) {
		r, size := utf8.DecodeRuneInString(line[i:])
		if unicode.IsSpace(r) || size == 1 && strings.IndexByte(special, line[i]) >= 0 {
			break
		}
		if r == '\\' {
			t.kind = quoted
			i++
			if i == len(line) {
				return t, 0, fail(line, i-1, say{"nothing follows the backslash", "反斜杠后面没有内容"}, say{})
			}
			_, size = utf8.DecodeRuneInString(line[i:])
		}
		value.WriteString(line[i : i+size])
		i += size
	}
	t.text = value.String()
	return t, i - pos, nil
}

// reserved are the words that mean something by themselves, so that a name
// spelled like one must be quoted.
func reserved(text string) bool {
	switch strings.ToLower(text) {
	case "and", "or", "not":
		return true
	}
	_, isOp := wordOps[strings.ToLower(text)]
	return isOp
}

// appendName prints a name, quoted where it would be read as something else.
func appendName(dst []byte, name string) []byte {
	bare := name != "" && !reserved(name) && utf8.ValidString(name)
	for _, r := range name {
		if !unicode.IsPrint(r) || unicode.IsSpace(r) || r == '\\' || strings.ContainsRune(special, r) {
			bare = false
		}
	}
	if bare {
		return append(dst, name...)
	}
	return strconv.AppendQuote(dst, name)
}

// Join makes one line of a command's arguments. An argument that follows a word
// which takes a name is kept whole: process 'my app'.
func Join(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	parts := make([]string, len(args))
	for i, arg := range args {
		parts[i] = arg
		before := i - 1
		if before >= 0 && isOp(args[before]) {
			before--
		}
		if before >= 0 && takesName(args[before]) && !isOp(arg) && strings.ContainsAny(arg, special+" \t\\") && !startsQuoted(arg) {
			parts[i] = strconv.Quote(arg)
		}
	}
	return strings.Join(parts, " ")
}

func startsQuoted(arg string) bool { return arg[0] == '"' || arg[0] == '\'' }

func isOp(arg string) bool {
	if _, ok := wordOps[strings.ToLower(arg)]; ok {
		return true
	}
	for _, s := range signs {
		if s.kind == comparison && s.text == arg {
			return true
		}
	}
	return false
}

func takesName(arg string) bool {
	_, ok := nameFields[strings.ToLower(arg)]
	return ok
}
