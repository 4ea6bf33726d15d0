package host

import "strings"

// secretOptions are the one-letter options that take a secret, by program. With
// "=" behind the letter the value stands in the same word, with "+" in the next one
// unless that is a port, with ":" it is a login, "user:password". Sources: the manual
// pages.
var secretOptions = map[string][]string{
	"mysql": {"p="}, "mariadb": {"p="}, "redis-cli": {"a"}, "valkey-cli": {"a"}, "keydb-cli": {"a"},
	"sshpass": {"p"}, "mongo": {"p"}, "mongosh": {"p"}, "mongodump": {"p"}, "mongorestore": {"p"},
	"ldapsearch": {"w"}, "ldapmodify": {"w"}, "ldapadd": {"w"}, "ldapdelete": {"w"}, "ldappasswd": {"w", "s", "a"}, "ldapwhoami": {"w"},
	"curl": {"u:", "U:"}, "smbclient": {"U:"}, "rpcclient": {"U:"},
	"sqlcmd": {"P"}, "bcp": {"P"}, "docker": {"p+"}, "podman": {"p+"},
	"mosquitto_pub": {"P"}, "mosquitto_sub": {"P"}, //nolint:misspell // a program's name
	"zip": {"P"}, "unzip": {"P"}, "7z": {"p="}, "7za": {"p="}, "7zr": {"p="}, "snmpget": {"c", "A", "X"}, "snmpwalk": {"c", "A", "X"},
}

// enter notes a well-known program.
func (r *reader) enter(word string) {
	name := word[strings.LastIndexAny(word, `/\`)+1:]
	name = strings.TrimSuffix(name, ".exe")
	for _, family := range []string{"mysql", "mariadb"} { // mysqldump, mysqladmin, mariadb-dump …; not the servers
		if strings.HasPrefix(name, family) && !strings.HasSuffix(name, "d") {
			name = family
		}
	}
	if _, known := secretOptions[name]; known && !strings.HasPrefix(word, "-") {
		r.tool = name
	}
}

// option finds the secret that a word holds, or announces, as an option.
func (r *reader) option(word, before string) []span {
	if len(word) < 2 || word[0] != '-' {
		r.bare(word, before)
		return nil
	}
	if isShort := word[1] != '-'; isShort {
		for _, o := range secretOptions[r.tool] {
			if o[0] != word[1] {
				continue
			}
			how := o[1:]
			if len(word) == 2 {
				switch how {
				case ":":
					r.takes = takesLogin
				case "=", "+":
					r.takes = takesMaybe // mysql asks for it, and docker publishes ports as well
				default:
					r.takes = takesSecret
				}
				return nil
			}
			switch how {
			case "+":
				return nil
			case ":":
				if i := strings.IndexAny(word, ":%"); i >= 0 {
					return []span{{i + 1, len(word)}}
				}
				return nil
			default:
				return []span{{2, len(word)}}
			}
		}
		if word == "-p" && r.tool == "" {
			r.takes = takesMaybe
			return nil
		}
	}
	name := strings.TrimLeft(word, "-")
	switch {
	case strings.ContainsAny(name, "=:"): // assigned finds it
	case r.tool == "curl" && (name == "user" || name == "proxy-user"):
		r.takes = takesLogin
	case len(name) > 2 && isSecret(name):
		r.takes = takesSecret
	}
	return nil
}

// bare knows words of other languages that announce a secret: "requirepass x",
// "AUTH x", "IDENTIFIED BY 'x'", "PASSWORD 'x'".
func (r *reader) bare(word, before string) {
	switch strings.ToLower(word) {
	case "requirepass", "masterauth", "password", "bearer":
		r.takes = takesSecret
	case "auth":
		if secretOptions[r.tool] != nil && strings.HasSuffix(r.tool, "-cli") {
			r.takes = takesSecret
		}
	case "by":
		if strings.EqualFold(before, "identified") {
			r.takes = takesSecret
		}
	}
}

// isSecret tells by the name of an option, variable or key that its value is one.
func isSecret(name string) bool {
	const longest = 80
	if len(name) > longest {
		name = name[len(name)-longest:]
	}
	plain := strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || c == '.' {
			return -1
		}
		return c
	}, strings.ToLower(name))
	first, _, _ := strings.Cut(strings.TrimLeft(strings.ToLower(name), "-"), "-")
	if first == "no" || first == "ask" || first == "prompt" {
		return false
	}
	for _, end := range []string{"file", "path", "dir", "stdin", "prompt", "bypass"} { // a place, or a question
		if strings.HasSuffix(plain, end) {
			return false
		}
	}
	for _, part := range []string{"password", "passwd", "passphrase", "passwort", "secret", "apikey", "accesskey", "privatekey", "credential", "requirepass"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	for _, end := range []string{"pass", "pwd", "passin", "passout", "token", "auth", "authorization", "authkey", "accountkey", "encryptionkey", "cookie", "accesssignature", "passwordhash"} {
		if strings.HasSuffix(plain, end) {
			return true
		}
	}
	return false
}
