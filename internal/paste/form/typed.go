package form

import (
	"bytes"
	"strings"
	"unicode"
)

// Typed returns the command of a prompt, or of a line that is nothing but a
// command somebody typed: "cat /proc/sys/fs/file-nr". Only programs that have to
// do with what is read here count; "# Controls the default maximum" is a comment.
// The headings that head and tail print ("==> /proc/812/limits <==") are cat's.
func Typed(line []byte) (command string, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || len(line) > 600 {
		return "", false
	}
	if path, found := bytes.CutPrefix(line, []byte("==> ")); found {
		path, found = bytes.CutSuffix(path, []byte(" <=="))
		return "cat " + string(path), found
	}
	if command, ok = Prompted(line); ok && isProgram(command) {
		return command, true
	}
	if line[0] >= 'a' && line[0] <= 'z' && isProgram(string(line[:min(len(line), 60)])) {
		return string(line), true
	}
	return "", false
}

// isProgram tells whether a command begins with a program that is known to print,
// or to change, what is read here.
func isProgram(command string) bool {
	switch ProgramOf(command) {
	case "sysctl", "cat", "grep", "egrep", "zgrep", "head", "tail", "more", "less", "type", "netsh", "reg", "ulimit",
		"uname", "uptime", "conntrack", "nstat", "hostname", "prlimit", "wc", "ls", "w",
		"netstat", "ss", "lsof", "awk", "for", "find", "findstr", "sudo", "sh", "ps", "kubectl", "docker",
		"vi", "vim", "nano", "emacs", "echo", "printf", "tee", "sed", "get-content":
		return true
	}
	return false
}

// ProgramOf returns the first word of a command without its path, sudo and ssh.
func ProgramOf(command string) string {
	words := strings.Fields(command[:min(len(command), 200)])
	for len(words) > 1 && (words[0] == "sudo" || words[0] == "watch" || words[0] == "time") {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	name := strings.ToLower(words[0])
	name = strings.TrimSuffix(name, ".exe")
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// Prints: the command shows what is, and does not write.
func Prints(command string) bool {
	switch ProgramOf(command) {
	case "vi", "vim", "nano", "emacs", "echo", "printf", "tee", "sed":
		return false
	}
	return !strings.ContainsAny(command, "<>") && !strings.Contains(command, "tee ") || strings.Contains(command, "2>")
}

// Advised tells by the line before them whether settings are somebody's advice,
// or what somebody did, and not what a machine said. plain: they are written as
// programs write them.
func Advised(before string, plain bool) bool {
	if strings.TrimSpace(before) == "" {
		return false
	}
	if command, ok := Typed([]byte(before)); ok {
		return !Prints(command)
	}
	if isComment(before) {
		return false
	}
	low := strings.ToLower(before)
	for _, word := range []string{"当前", "目前", "现在", "查看", "输出", "结果", "如下所示"} {
		if strings.Contains(low, word) {
			return false
		}
	}
	for _, word := range []string{"加入", "添加", "修改", "编辑", "增加", "设置", "设定", "调整", "优化", "建议", "改为", "改成", "追加", "写入", "执行", "sysctl.conf"} {
		if strings.Contains(low, word) {
			return true
		}
	}
	advice, output := false, false
	for word := range strings.FieldsFuncSeq(low, func(r rune) bool { return !unicode.IsLetter(r) }) {
		switch word {
		case "current", "currently", "output", "outputs", "my", "our", "shows", "result", "results", "prints", "returns", "have", "has", "are", "here":
			output = true
		case "add", "set", "edit", "append", "put", "increase", "decrease", "reduce", "lower", "raise", "change", "modify", "tune", "tuning",
			"configure", "recommend", "recommended", "should", "try", "following", "enable", "disable", "apply", "adjust", "optimize",
			"tweak", "suggest", "suggested", "need", "must", "can", "consider", "fügen", "setze", "ajouter", "añadir", "agregar":
			advice = true
		}
	}
	if output {
		return false
	}
	return advice || !plain
}

// isComment: "# text" and "; text", which configuration files have.
func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";")
}
