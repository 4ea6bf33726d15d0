package host

import (
	"slices"
	"strings"
)

// masked stands for a secret.
const masked = "***"

// CommandLine is the arguments of a process as one line for people to read, with
// the secrets of MaskSecrets left out. It escapes nothing: see Printable.
func CommandLine(args []string) string { return strings.Join(MaskSecrets(args), " ") }

// MaskSecrets returns the arguments of a process with "***" in place of passwords,
// tokens and keys, so that they land on no screen and in no log: as values of options
// and variables with a telling name, in URLs, connection strings, headers and JSON,
// in the shell code of "sh -c", and where well-known programs take them. It masks
// rather too much; a secret that nothing announces stays. There are as many arguments
// as before, none more than three times as long; args itself stays as it is.
func MaskSecrets(args []string) []string {
	out := make([]string, len(args))
	var r reader
	for i, arg := range args {
		code := len(args) == 1 || i == 0 || isCodeFlag(args[i-1])
		out[i] = cover(arg, r.next(arg, code, deepest))
	}
	return out
}

// deepest is how many command lines may stand within one another: sh -c "ssh x 'y'".
const deepest = 3

// isCodeFlag knows "-c", "-lc" and the like, whose value is shell code.
func isCodeFlag(arg string) bool {
	return len(arg) >= 2 && len(arg) <= 5 && arg[0] == '-' && arg[1] != '-' && arg[len(arg)-1] == 'c'
}

// span is a part of an argument: bytes from to end.
type span struct{ from, end int }

// cover puts "***" over parts of an argument, of those that touch one.
func cover(arg string, secrets []span) string {
	secrets = slices.DeleteFunc(secrets, func(s span) bool { return s.from >= s.end })
	if len(secrets) == 0 {
		return arg
	}
	slices.SortFunc(secrets, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	at, covered := 0, -1 // covered: where the last mask ends
	for _, s := range secrets {
		if s.from > covered {
			out.WriteString(arg[at:s.from])
			out.WriteString(masked)
		}
		at = max(at, s.end)
		covered = at
	}
	out.WriteString(arg[at:])
	return out.String()
}

// reader goes through the words of a command line.
type reader struct {
	tool  string // the last well-known program
	takes taking // what the next word is
	last  string // the word before
	vault bool   // Vault's program was named
	rest  bool   // every word that is no option is a secret
}

// taking is what a word is by the one before it.
type taking byte

const (
	takesNothing taking = iota
	takesSecret         // all of it, unless it is an option itself
	takesLogin          // what follows the user's name: "user:password"
	takesUser           // takesLogin, or numbers: "1000:1000"
	takesMaybe          // -p of a program that is not known: a port, a path or a password
)

// next finds the secrets of the next word. With code it is text of several words.
func (r *reader) next(word string, code bool, depth int) (secrets []span) {
	takes, before := r.takes, r.last
	r.takes, r.last = takesNothing, word
	isOption := strings.HasPrefix(word, "--") && len(word) > 2 || len(word) == 2 && word[0] == '-'
	switch {
	case takes == takesSecret && !isOption, takes == takesMaybe && !isOption && !plainValue(word):
		return []span{{0, len(word)}}
	case (takes == takesLogin || takes == takesUser) && !isOption:
		return login(word, 0, takes)
	case r.rest && !strings.HasPrefix(word, "-") && !partsCommands(word) && !strings.Contains(strings.TrimRight(word, "="), "="):
		return []span{{0, len(word)}}
	}
	secrets = append(r.option(word, before), r.oracle(word)...)
	if strings.ContainsAny(word, blanks) && depth > 0 {
		inner := reader{tool: r.tool}
		for _, w := range words(word) {
			for _, s := range inner.next(word[w.from:w.end], false, depth-1) {
				secrets = append(secrets, span{w.from + s.from, w.from + s.end})
			}
			if endsCommand(word[w.from:w.end]) {
				inner = reader{}
			}
		}
	} else {
		r.enter(word)
	}
	return slices.Concat(secrets, assigned(word, !code), logins(word), dataSource(word))
}

// endsCommand reports the last word of a command of a shell.
func endsCommand(word string) bool { return partsCommands(word) || strings.HasSuffix(word, ";") }

func partsCommands(word string) bool {
	return word == "&&" || word == "||" || word == "|" || word == "&" || word == ";"
}

const blanks = " \t\r\n\v\f"

// words splits text as a shell does, quotes left out; a quote that never ends is
// none.
func words(text string) (out []span) {
	for i := 0; i < len(text); {
		if strings.IndexByte(blanks, text[i]) >= 0 {
			i++
			continue
		}
		from := i
		for i < len(text) && strings.IndexByte(blanks, text[i]) < 0 {
			if quote := text[i]; quote == '\'' || quote == '"' {
				if n := strings.IndexByte(text[i+1:], quote); n >= 0 {
					i += n + 1
				} else {
					return append(out, unquoted(text, from)...)
				}
			}
			i++
		}
		word := span{from, i}
		if first := text[from]; (first == '\'' || first == '"') && i-from >= 2 && text[i-1] == first {
			word = span{from + 1, i - 1}
		}
		out = append(out, word)
	}
	return out
}

// unquoted splits the rest of a text at its blanks.
func unquoted(text string, from int) (out []span) {
	for i := from; i <= len(text); i++ {
		if i == len(text) || strings.IndexByte(blanks, text[i]) >= 0 {
			if i > from {
				out = append(out, span{from, i})
			}
			from = i + 1
		}
	}
	return out
}

// plainValue knows what -p takes that is no password: ports, numbers and paths.
func plainValue(word string) bool {
	return strings.HasPrefix(word, "/") || strings.HasPrefix(word, ".") || strings.Trim(word, "0123456789:.,-/tcpudTU") == ""
}
