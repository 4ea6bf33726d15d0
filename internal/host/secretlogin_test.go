package host

import (
	"strings"
	"testing"
)

// Logins, and what programs of servers take. Arguments are parted by "|" here.
func TestMaskLogins(t *testing.T) {
	for line, want := range map[string]string{
		"app|--dsn|user:pw@tcp(h:3306)/db":                     "app|--dsn|user:***@tcp(h:3306)/db",
		"app|--dsn=user:p:w@x@tcp(h:3306)/db?a=b":              "app|--dsn=user:***@tcp(h:3306)/db?a=b",
		"app|-dsn=user:p/w(x@unix(/run/s)/db":                  "app|-dsn=user:***@unix(/run/s)/db",
		"app|user:p w@(h)/db":                                  "app|user:***@(h)/db",
		"env|DSN=user:p=w@tcp(h)/db|app":                       "env|DSN=user:***@tcp(h)/db|app",
		"sh|-c|app --dsn 'user:p w@tcp(h)/db' -v":              "sh|-c|app --dsn 'user:***@tcp(h)/db' -v",
		"app|--dsn|user:pw@/db":                                "app|--dsn|user:***@/db",
		"app|--dsn|mysql://user:pw@h/db":                       "app|--dsn|mysql://user:***@h/db",
		"app|--dsn|postgres://h/db":                            "app|--dsn|postgres://h/db",
		"mysqlsh|root:pw@h:3306":                               "mysqlsh|root:***@h:3306",
		"docker|run|nginx:1.25@sha256:0123|me@h:x":             "docker|run|nginx:1.25@sha256:0123|me@h:x",
		"rsync|h:/a@b|mailto:me@h.example|sshd: me@pts/0":      "rsync|h:/a@b|mailto:me@h.example|sshd: me@pts/0",
		"etcdctl|--user|root:pw|get|k":                         "etcdctl|--user|root:***|get|k",
		"etcdctl|--user=root:123|get|k":                        "etcdctl|--user=root:***|get|k",
		"etcdctl|user|add|me:pw":                               "etcdctl|user|add|me:***",
		"docker|run|--user|1000:1000|x":                        "docker|run|--user|1000:1000|x",
		"docker|run|--user=1000:1000|x":                        "docker|run|--user=1000:1000|x",
		"app|--user|me:pw|--user|me":                           "app|--user|me:***|--user|me",
		"skopeo|copy|--src-creds|me:pw|--dest-creds=a:b":       "skopeo|copy|--src-creds|me:***|--dest-creds=a:***",
		"curl|-u|user:pw|http://h/":                            "curl|-u|user:***|http://h/",
		"curl|-sSu|user:pw|http://h/":                          "curl|-sSu|user:***|http://h/",
		"curl|-sSuuser:pw|http://h/":                           "curl|-sSuuser:***|http://h/",
		"curl|-sS|-o|u:v|http://h/":                            "curl|-sS|-o|u:v|http://h/",
		"curl|-u|--password=x":                                 "curl|-u|--password=***",
		"sh|-c|curl -fsu user:pw http://h/":                    "sh|-c|curl -fsu user:*** http://h/",
		"http|-a|me:pw|h":                                      "http|-a|me:***|h",
		"aws|configure|set|aws_secret_access_key|X":            "aws|configure|set|aws_secret_access_key|***",
		"aws|configure|set|region|eu-west-1":                   "aws|configure|set|region|eu-west-1",
		"kubectl|create|secret|generic|x":                      "kubectl|create|secret|generic|x",
		"openssl|enc|-aes-256-cbc|-k|12345|-in|f":              "openssl|enc|-aes-256-cbc|-k|***|-in|f",
		"openssl|enc|-K|00ff|-iv|00":                           "openssl|enc|-K|***|-iv|00",
		"openssl|req|-key|f|-keyout|g|-passout|pass:x":         "openssl|req|-key|f|-keyout|g|-passout|***",
		"openssl|dgst|-hmac|x":                                 "openssl|dgst|-hmac|***",
		"curl|-k|https://h/":                                   "curl|-k|https://h/",
		"vault|login|s.abc":                                    "vault|login|***",
		"/usr/bin/vault|login|-no-print|-|hvs.abc==":           "/usr/bin/vault|login|-no-print|-|***",
		"vault|login|-address|https://h|s.abc":                 "vault|login|-address|***|***", // rather too much
		"vault|login|-method=userpass|username=me|password=x":  "vault|login|-method=userpass|username=me|password=***",
		"vault|operator|unseal|abc":                            "vault|operator|unseal|***",
		"vault|status|-address|https://h":                      "vault|status|-address|https://h",
		"sh|-c|vault login s.abc && app run":                   "sh|-c|vault login *** && app run",
		"docker|exec|c|vault|login|s.abc":                      "docker|exec|c|vault|login|***",
		"mysql|vault|-pabc":                                    "mysql|vault|-p***", // a database's name
		"mysql|ls|-pabc":                                       "mysql|ls|-p***",
		"docker|login|-u|me|-p|12345|h":                        "docker|login|-u|me|-p|***|h",
		"docker|login|-p12345|h":                               "docker|login|-p***|h",
		"podman|login|-p=x|h":                                  "podman|login|-p***|h",
		"sh|-c|docker login -p 12345 h; docker run -p 80:80 x": "sh|-c|docker login -p *** h; docker run -p 80:80 x",
		"helm|registry|login|-p|1|h":                           "helm|registry|login|-p|***|h",
		"redis-cli|-u|redis://:pw@h":                           "redis-cli|-u|redis://:***@h",
		"redis-cli|-u|redis://:p/w#x@h:6379/0":                 "redis-cli|-u|redis://:***@h:6379/0",
		"x|http://:8080/a@b":                                   "x|http://:8080/a@b",
		"sqlplus|-s|scott/tiger@orcl|@/x/y.sql":                "sqlplus|-s|scott/***@orcl|@/x/y.sql",
		"sqlplus|/|as|sysdba":                                  "sqlplus|/|as|sysdba",
		"plink|-pw|x|h":                                        "plink|-pw|***|h",
		"app|-p|8080":                                          "app|-p|8080",
		"ssh|-p|22|h":                                          "ssh|-p|22|h",
		"ssh|login|-p|22":                                      "ssh|login|-p|22",
		"mysql|-P|3306|-h|h":                                   "mysql|-P|3306|-h|h",
		"mkdir|-p|x":                                           "mkdir|-p|x",
		"sudo|/bin/mkdir|-p|x":                                 "sudo|/bin/mkdir|-p|x",
		"sh|-c|mkdir -p x && app -p secret":                    "sh|-c|mkdir -p x && app -p ***",
		"cp|-p|a|b":                                            "cp|-p|a|b",
		"chown|me:group|f|--user":                              "chown|me:group|f|--user",
	} {
		if got := strings.Join(MaskSecrets(strings.Split(line, "|")), "|"); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}
