package host

import (
	"slices"
	"strings"
)

// secretOptions are the one-letter options that take a secret, by program. With
// "=" behind the letter the value stands in the same word, with "+" in the next one
// unless that is a port, with "." in the next one only, with ":" it is a login,
// "user:password". Sources: the manual pages.
var secretOptions = map[string][]string{
	"mysql": {"p="}, "mariadb": {"p="}, "redis-cli": {"a"}, "valkey-cli": {"a"}, "keydb-cli": {"a"},
	"sshpass": {"p"}, "mongo": {"p"}, "mongosh": {"p"}, "mongodump": {"p"}, "mongorestore": {"p"},
	"ldapsearch": {"w"}, "ldapmodify": {"w"}, "ldapadd": {"w"}, "ldapdelete": {"w"}, "ldappasswd": {"w", "s", "a"}, "ldapwhoami": {"w"},
	"curl": {"u:", "U:"}, "smbclient": {"U:"}, "rpcclient": {"U:"},
	"sqlcmd": {"P"}, "bcp": {"P"}, "docker": {"p+"}, "podman": {"p+"},
	"nerdctl": {"p+"}, "buildah": {"p+"}, "skopeo": {"p+"}, "helm": {"p+"}, registryLogin: {"p"},
	"openssl": {"k.", "K."}, "etcdctl": nil, "http": {"a:"}, "https": {"a:"},
	"sqlplus": nil, "rman": nil, "expdp": nil, "impdp": nil, "sqlldr": nil,
	"mkdir": nil, "cp": nil, "ls": nil, "journalctl": nil, "logger": nil, "systemctl": nil,
	"mosquitto_pub": {"P"}, "mosquitto_sub": {"P"}, //nolint:misspell // a program's name
	"zip": {"P"}, "unzip": {"P"}, "7z": {"p="}, "7za": {"p="}, "7zr": {"p="}, "snmpget": {"c", "A", "X"}, "snmpwalk": {"c", "A", "X"},
}

// registryLogin is what follows "docker login": no port is published there.
const registryLogin = "docker login"

// weak are programs whose names are other things as well, a database's for one: they
// count where no other is known. Of some nothing is a secret, their -p least of all.
var weak = []string{"http", "https", "mkdir", "cp", "ls", "journalctl", "logger", "systemctl"}

// enter notes a well-known program.
func (r *reader) enter(word string) {
	name := word[strings.LastIndexAny(word, `/\`)+1:]
	name = strings.TrimSuffix(name, ".exe")
	for _, family := range []string{"mysql", "mariadb"} { // mysqldump, mysqladmin, mariadb-dump …; not the servers
		if strings.HasPrefix(name, family) && !strings.HasSuffix(name, "d") {
			name = family
		}
	}
	switch _, known := secretOptions[name]; {
	case strings.HasPrefix(word, "-"):
	case known && (r.tool == "" || !slices.Contains(weak, name)):
		r.tool = name
	case r.tool == "sshpass" && slices.Contains([]string{"ssh", "scp", "sftp", "rsync"}, name):
		r.tool = "" // the options that follow are not its own
	case name == "vault" || name == "bao":
		r.vault = true
	}
}

// option finds the secret that a word holds, or announces, as an option.
func (r *reader) option(word, before string) []span {
	if len(word) < 2 || word[0] != '-' {
		r.bare(word, before)
		return nil
	}
	if isShort := word[1] != '-'; isShort {
		if secrets, known := r.short(word); known {
			return secrets
		}
	}
	name := strings.TrimLeft(word, "-")
	switch {
	case strings.ContainsAny(name, "=:"): // assigned finds the others
		if option, _, ok := strings.Cut(word, "="); ok && isLogin(strings.TrimLeft(option, "-")) {
			return login(word, len(option)+1, r.loginHere())
		}
	case isLogin(name):
		r.takes = r.loginHere()
	case len(name) >= 2 && isSecret(name), r.tool == "openssl" && name == "hmac":
		r.takes = takesSecret
	}
	return nil
}

// short is option for those of one letter; known when it is one.
func (r *reader) short(word string) (secrets []span, known bool) {
	at := 1 // of the letter
	for r.tool == "curl" && at < len(word)-1 && strings.IndexByte(curlFlags, word[at]) >= 0 {
		at++
	}
	for _, o := range secretOptions[r.tool] {
		if o[0] != word[at] {
			continue
		}
		how, alone := o[1:], at == len(word)-1
		switch {
		case alone && how == ":":
			r.takes = takesLogin
		case alone && (how == "=" || how == "+"):
			r.takes = takesMaybe // mysql asks for it, and docker publishes ports as well
		case alone:
			r.takes = takesSecret
		case how == "+" || how == ".": // another option
			continue
		case how == ":":
			return login(word, at+1, takesLogin), true
		default:
			if r.tool == registryLogin && isSecret(word[1:]) { // "-password x", or -p of "assword"
				r.takes = takesSecret
			}
			return []span{{at + 1, len(word)}}, true
		}
		return nil, true
	}
	if word == "-p" && r.tool == "" {
		r.takes = takesMaybe
		return nil, true
	}
	return nil, false
}

// curlFlags are curl's options of one letter that take nothing, so that others may
// follow in the same word: curl(1).
const curlFlags = "012346aBfgGiIjJklLMnNOpqRsSvVZ#"

// bare knows words of other languages that announce a secret: "requirepass x",
// "AUTH x", "IDENTIFIED BY 'x'", "PASSWORD 'x'", "set aws_secret_access_key x".
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
	case "login":
		if slices.Contains(secretOptions[r.tool], "p+") {
			r.tool = registryLogin
		}
		r.rest = r.vault
	case "unseal", "unwrap", "lookup", "renew", "revoke": // vault operator unseal KEY, vault token lookup TOKEN
		r.rest = r.vault
	case "add":
		if r.tool == "etcdctl" && before == "user" {
			r.takes = takesLogin
		}
	default:
		if (before == "set" || before == "put") && isSecret(word) {
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
	if plain == "pw" || plain == "psk" {
		return true
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
