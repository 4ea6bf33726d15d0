package host

import "strings"

// assigned finds the values of telling names in a word: "--password=x", "PGPASSWORD=x",
// "…&token=x&…", "…;Pwd=x;…", `"secret": "x"`, "Authorization: Bearer x". Where the
// name begins the word and atomic says that the word is one argument, the value is
// all of the rest, whatever it holds.
func assigned(word string, atomic bool) (out []span) {
	for i := 0; i < len(word); i++ {
		if word[i] != '=' && word[i] != ':' {
			continue
		}
		nameEnd := i
		for nameEnd > 0 && strings.IndexByte(`"'\ `, word[nameEnd-1]) >= 0 && i-nameEnd < 4 {
			nameEnd--
		}
		name := nameEnd
		for name > 0 && nameEnd-name < 128 && isNameByte(word[name-1]) {
			name--
		}
		if !isSecret(word[name:nameEnd]) || word[i] == ':' && strings.HasPrefix(word[i:], "://") {
			continue
		}
		v := span{i + 1, len(word)}
		if isWorkdir(word[name:nameEnd], word[i+1:]) {
			continue
		}
		if name > 0 || !atomic {
			v = valueAt(word, i+1, name)
		}
		if v.from < v.end {
			out = append(out, v)
			i = v.end - 1
		}
	}
	return out
}

// isWorkdir knows the shell's variable, which ODBC's name of the password looks like.
func isWorkdir(name, value string) bool {
	return (name == "PWD" || name == "OLDPWD") && strings.HasPrefix(value, "/")
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c >= 0x80
}

// valueAt is where a value reaches that stands behind a name within other text: to
// its closing quote, else to what stood before the name, else to the next of all the
// signs that part values.
func valueAt(text string, at, name int) span {
	for at < len(text) && (text[at] == ' ' || text[at] == '\\') {
		at++
	}
	if at == len(text) {
		return span{at, at}
	}
	if quote := text[at]; quote == '"' || quote == '\'' {
		if n := strings.IndexByte(text[at+1:], quote); n >= 0 {
			return span{at + 1, at + 1 + n}
		}
		return span{at + 1, len(text)}
	}
	ends := "&;,\"' \t\r\n"
	if name > 0 {
		switch text[name-1] {
		case ';':
			ends = ";\"\n"
		case '&', '?':
			ends = "&# \t\r\n\"'"
		case ',':
			ends = ",\"\n"
		}
	}
	if strings.EqualFold(text[name:min(len(text), name+13)], "authorization") { // "Basic x", "Bearer x"
		ends = "\"'\r\n"
	}
	end := len(text)
	if n := strings.IndexAny(text[at:], ends); n >= 0 {
		end = at + n
	}
	return span{at, end}
}

// logins finds the passwords of URLs: "scheme://user:password@host". A user's name
// alone that is long is a token.
func logins(word string) (out []span) {
	const token = 20 // letters
	end, lastSign := 0, -1
	for at := 0; ; {
		n := strings.Index(word[at:], "://")
		if n < 0 {
			return out
		}
		at += n + len("://")
		if at > end { // what several URLs in one share is looked for once
			end = len(word)
			if n := strings.IndexAny(word[at:], blanks+urlEnds); n >= 0 {
				end = at + n
			}
			lastSign = at + strings.LastIndexByte(word[at:end], '@')
		}
		authority := word[at:end]
		if n := strings.IndexAny(authority, "/?#"); n >= 0 {
			authority = authority[:n]
		}
		sign := strings.LastIndexByte(authority, '@')
		colon := strings.IndexByte(authority, ':')
		if sign < 0 && colon >= 0 && authority[0] != '[' && strings.Trim(authority[colon+1:], "0123456789,") != "" {
			sign = lastSign - at // a password with a slash, which ought to be written %2F
		}
		switch {
		case sign <= 0:
		case colon >= 0 && colon < sign:
			out = append(out, span{at + colon + 1, at + sign})
		case sign >= token:
			out = append(out, span{at, at + sign})
		}
		at += max(len(authority), sign)
	}
}

const urlEnds = "\"'<>|`"
