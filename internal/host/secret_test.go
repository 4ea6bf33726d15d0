package host

import (
	"slices"
	"strings"
	"testing"
)

// Arguments are parted by "|" here.
func TestMaskSecrets(t *testing.T) {
	for line, want := range map[string]string{
		"app|--password=x y|--port=80":                      "app|--password=***|--port=80",
		"app|--password|-hunter2|--port|80":                 "app|--password|***|--port|80",
		"app|--password|--verbose":                          "app|--password|--verbose",
		"app|-p|secret|-v":                                  "app|-p|***|-v",
		"ssh|-p|2222|host":                                  "ssh|-p|2222|host",
		"docker|run|-p|127.0.0.1:80:80/tcp|x":               "docker|run|-p|127.0.0.1:80:80/tcp|x",
		"docker|login|-u|me|-p|geheim":                      "docker|login|-u|me|-p|***",
		"/usr/bin/mysql|-uroot|-psecret|db":                 "/usr/bin/mysql|-uroot|-p***|db",
		"mysqldump|-P|3307|-p12345":                         "mysqldump|-P|3307|-p***",
		"mysqld|-p3306":                                     "mysqld|-p3306",
		"redis-cli|-h|h|-a|12345|ping":                      "redis-cli|-h|h|-a|***|ping",
		"redis-cli|config|set|requirepass|x":                "redis-cli|config|set|requirepass|***",
		"redis-cli|AUTH|x":                                  "redis-cli|AUTH|***",
		"sshpass|-p|12345|ssh|-p|22|h":                      "sshpass|-p|***|ssh|-p|22|h",
		"sshpass|-pabc|ssh|h":                               "sshpass|-p***|ssh|h",
		"env|PGPASSWORD=a b|psql|-h|h":                      "env|PGPASSWORD=***|psql|-h|h",
		"sh|-c|PGPASSWORD=x psql -h h":                      "sh|-c|PGPASSWORD=*** psql -h h",
		"sh|-c|PGPASSWORD='x y' psql -h h":                  "sh|-c|PGPASSWORD=*** psql -h h",
		"bash|-lc|mysql -psecret db && sleep 9":             "bash|-lc|mysql -p*** db && sleep 9",
		`sh|-c|ssh h "mysql -p'a b' db"`:                    `sh|-c|ssh h "mysql -p*** db"`,
		"sh|-c|tool --token abc; echo don't":                "sh|-c|tool --token *** echo don't",
		"PGPASSWORD=x psql -h h":                            "PGPASSWORD=*** psql -h h", // a title that a program gave itself
		"env|PWD=/home/me|x":                                "env|PWD=/home/me|x",
		"git|clone|http://me:pw@h.example/x":                "git|clone|http://me:***@h.example/x",
		"x|redis://:pw@h:6379/0":                            "x|redis://:***@h:6379/0",
		"x|amqp://u:a/b@h:1/v":                              "x|amqp://u:***@h:1/v",
		"x|mongodb://u:p@h1:1,h2:2/d|http://h:80/a@b":       "x|mongodb://u:***@h1:1,h2:2/d|http://h:80/a@b",
		"x|https://ghp_0123456789abcdefghij@github.com":     "x|https://***@github.com",
		"x|ssh://git@h/x|http://[::1]:80/a@b":               "x|ssh://git@h/x|http://[::1]:80/a@b",
		"x|http://h/?to=http://u:p@g/":                      "x|http://h/?to=http://u:***@g/",
		"java|-Dspring.datasource.password=x|-Xmx1g|a.jar":  "java|-Dspring.datasource.password=***|-Xmx1g|a.jar",
		"java|-Djavax.net.ssl.keyStorePassword=a;b&c":       "java|-Djavax.net.ssl.keyStorePassword=***",
		"x|--url=jdbc:mysql://h/d?user=u&password=p;q&a=1":  "x|--url=jdbc:mysql://h/d?user=u&password=***&a=1",
		"x|Server=h;Uid=sa;Pwd=a b;Timeout=3":               "x|Server=h;Uid=sa;Pwd=***;Timeout=3",
		"psql|host=h password=x user=u":                     "psql|host=h password=*** user=u",
		"x|--token=a|--secret=b|--api-key=c|--apiKey|d|e":   "x|--token=***|--secret=***|--api-key=***|--apiKey|***|e",
		"x|--secret-access-key|a|AWS_SECRET_ACCESS_KEY=b":   "x|--secret-access-key|***|AWS_SECRET_ACCESS_KEY=***",
		"x|-password|a|-token=b":                            "x|-password|***|-token=***",
		"x|--password-file=/run/p|--max-tokens=9|--no-auth": "x|--password-file=/run/p|--max-tokens=9|--no-auth",
		"docker|login|--password-stdin|h.example":           "docker|login|--password-stdin|h.example",
		"ansible|--ask-pass|host":                           "ansible|--ask-pass|host",
		`curl|-d|{"user":"u","password": "p\x","a":1}`:      `curl|-d|{"user":"u","password": "***","a":1}`,
		`curl|-d|{\"password\":\"p\",\"a\":1}`:              `curl|-d|{\"password\":\"***",\"a\":1}`,
		"curl|-u|me:pw|-H|Authorization: Bearer abc|h":      "curl|-u|me:***|-H|Authorization:***|h",
		"curl|-ume:pw|--user|me:pw|-H|X-Api-Key: abc":       "curl|-ume:***|--user|me:***|-H|X-Api-Key:***",
		"openssl|rsa|-passin|pass:abc|-in|k":                "openssl|rsa|-passin|***|-in|k",
		"mysql|-e|ALTER USER u IDENTIFIED BY 'a b'":         "mysql|-e|ALTER USER u IDENTIFIED BY '***'",
		"psql|-c|alter user u password 'x'":                 "psql|-c|alter user u password '***'",
		"unzip|-P|x|a.zip":                                  "unzip|-P|***|a.zip",
		"smbclient|-U|me%pw|//h/s":                          "smbclient|-U|me%***|//h/s",
		"app|--password=|--token":                           "app|--password=|--token",
		"mkdir|-p|/a/b":                                     "mkdir|-p|/a/b",
		"java|-jar|shop.jar|--server.port=8080":             "java|-jar|shop.jar|--server.port=8080",
		"postgres: checkpointer":                            "postgres: checkpointer",
		"nginx: worker process":                             "nginx: worker process",
		"x|--密码=a|--пароль|b|--db-pass=\xff\x00":            "x|--密码=a|--пароль|b|--db-pass=***", // names of other languages are not known
		"":  "",
		"|": "|",
	} {
		args := strings.Split(line, "|")
		before := slices.Clone(args)
		if got := strings.Join(MaskSecrets(args), "|"); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
		if !slices.Equal(args, before) {
			t.Errorf("%s: the arguments were changed to %q", line, args)
		}
	}
	if got := MaskSecrets(nil); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
	if got := CommandLine([]string{"x", "--token", "a"}); got != "x --token ***" {
		t.Errorf("%q", got)
	}
}

// Long hostile text takes no long time: what is quadratic would take minutes here.
func TestMaskSecretsIsLinear(t *testing.T) {
	for _, piece := range []string{"://", "a://b:c/", "=", "password=;", `"`, "'x", "-p ", "a:b@x(", "@a(", "::", "://u:p@", " \"password\":", "a"} {
		MaskSecrets([]string{"sh", "-c", strings.Repeat(piece, 1<<20/len(piece))})
	}
}

func FuzzMaskSecrets(f *testing.F) {
	for _, seed := range []string{
		"mysql\x00-psecret", "sh\x00-c\x00PGPASSWORD='x y' psql", "x\x00http://u:p@h/", "x\x00--token\x00a", "curl\x00-d\x00{\"password\":\"x\"}",
		"ssh h \"mysql -p'a b'\"", "Server=h;Pwd=a b;X=1", "--password=", "'\"", "\xff=\xff", "IDENTIFIED BY '",
	} {
		f.Add(seed, "s3cret")
	}
	f.Fuzz(func(t *testing.T, line, secret string) {
		args := strings.Split(line, "\x00")
		got := MaskSecrets(args)
		if len(got) != len(args) {
			t.Fatalf("%d arguments of %d", len(got), len(args))
		}
		for i, arg := range args {
			if len(got[i]) > 3*len(arg) {
				t.Errorf("%d bytes of %d: %q", len(got[i]), len(arg), got[i])
			}
			if !subsequence(strings.ReplaceAll(got[i], masked, ""), arg) {
				t.Errorf("%q of %q", got[i], arg)
			}
		}
		// Whatever comes before and whatever it holds, a value with a telling name is masked.
		if isCodeFlag(args[len(args)-1]) {
			return // but shell code goes on behind a value
		}
		got = MaskSecrets(append(args, "--password="+secret))
		if last := got[len(got)-1]; secret != "" && last != "--password=***" && last != masked {
			t.Errorf("behind %q: %q", args, last)
		}
	})
}

// subsequence reports whether part is left of whole when bytes are taken away.
func subsequence(part, whole string) bool {
	for i := 0; i < len(whole) && part != ""; i++ {
		if part[0] == whole[i] {
			part = part[1:]
		}
	}
	return part == ""
}
