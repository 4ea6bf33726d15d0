package host

import (
	"slices"
	"strings"
)

// isLogin tells by the name of an option that its value is "user:password".
func isLogin(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains([]string{"user", "proxy-user", "login", "dsn"}, name) || strings.HasSuffix(name, "creds")
}

// loginHere is what such an option takes. Programs that start others as somebody else
// take the numbers of a user and a group.
func (r *reader) loginHere() taking {
	if r.tool == "curl" || r.tool == "etcdctl" {
		return takesLogin
	}
	return takesUser
}

// login finds the password of a login that begins at a place of a word.
func login(word string, at int, takes taking) []span {
	value := word[at:]
	if strings.Contains(value, "://") { // logins finds it
		return logins(word)
	}
	if found := dataSource(value); len(found) > 0 {
		return []span{{at + found[0].from, at + found[0].end}}
	}
	i := strings.IndexAny(value, ":%")
	if i < 0 || takes == takesUser && strings.Trim(value[i+1:], "0123456789") == "" {
		return nil
	}
	return []span{{at + i + 1, len(word)}}
}

// dataSource finds the password of "user:password@tcp(host:3306)/db", as Go's drivers
// take it (github.com/go-sql-driver/mysql, "DSN"), and of "user:password@host" without
// a scheme, alone in a word or behind "name=".
func dataSource(word string) []span {
	from := 0
	if i := strings.IndexByte(word, '='); i > 0 && isName(word[:i]) {
		from = i + 1
	}
	for from < len(word) && (word[from] == '"' || word[from] == '\'') {
		from++
	}
	user, rest, ok := strings.Cut(word[from:], ":")
	if !ok || !isName(user) || user[0] == '-' || slices.Contains([]string{"mailto", "sip", "sips", "xmpp", "acct"}, user) {
		return nil
	}
	at := from + len(user) + 1
	if end := beforeNetwork(rest); end >= 0 {
		return []span{{at, at + end}}
	}
	sign := strings.LastIndexByte(rest, '@')
	if sign <= 0 || sign == len(rest)-1 || rest[0] == '/' || strings.ContainsAny(rest, blanks) ||
		strings.Contains(rest, "://") || strings.HasPrefix(rest[sign:], "@sha256:") { // an image of a container
		return nil
	}
	return []span{{at, at + sign}}
}

// beforeNetwork is where the last "@tcp(", "@unix(", "@(" of a text begins; -1 where
// there is none.
func beforeNetwork(text string) int {
	for end := len(text); ; {
		paren := strings.LastIndexByte(text[:end], '(')
		if paren < 0 {
			return -1
		}
		at := paren
		for at > 0 && paren-at < 16 && isNameByte(text[at-1]) {
			at--
		}
		if at > 0 && text[at-1] == '@' {
			return at - 1
		}
		end = paren
	}
}

func isName(text string) bool {
	for i := range len(text) {
		if !isNameByte(text[i]) {
			return false
		}
	}
	return text != ""
}

// oracle finds the password of "user/password@database", as Oracle's tools take it.
func (r *reader) oracle(word string) []span {
	if !slices.Contains([]string{"sqlplus", "rman", "expdp", "impdp", "sqlldr"}, r.tool) || word[:min(1, len(word))] == "@" {
		return nil
	}
	slash := strings.IndexByte(word, '/')
	if slash <= 0 || strings.ContainsAny(word, blanks) {
		return nil
	}
	end := len(word)
	if at := strings.LastIndexByte(word, '@'); at > slash {
		end = at
	}
	return []span{{slash + 1, end}}
}
