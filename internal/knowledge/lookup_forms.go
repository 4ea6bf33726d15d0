package knowledge

import (
	"strconv"
	"strings"
	"unicode"
)

// forms are ways to read words, the most literal first: as they stand, without
// a value, without a path, without the words of a question.
func forms(words string) []string {
	words = strings.Trim(strings.TrimSpace(words), "`'\"“”‘’「」")
	out := []string{words, unprefixed(words)}
	name := words
	if strings.Count(words, "=") == 1 { // of several assignments none is meant alone
		name, _, _ = strings.Cut(words, "=")
	}
	name = strings.TrimSpace(name)
	out = append(out, name, unprefixed(name))
	var kept []string
	for _, w := range strings.Fields(name) {
		if !fillers[strings.ToLower(strings.Trim(w, "?!.,:;()？！。，："))] {
			kept = append(kept, w)
		}
	}
	plain := strings.Join(kept, " ")
	for _, q := range hanFillers {
		plain = strings.ReplaceAll(plain, q, "")
	}
	out = append(out, plain, unprefixed(plain))
	if i := strings.LastIndexByte(plain, ' '); i > 0 { // "tcp_fin_timeout 30"
		if _, err := strconv.Atoi(strings.TrimSpace(plain[i:])); err == nil {
			out = append(out, plain[:i], unprefixed(plain[:i]))
		}
	}
	return out
}

// fillers are what a question has around the thing that is asked for.
var fillers = setOf(`what is are was does do mean means meaning why how the a an of in on my i so many much too
	state states status error errors code setting option sysctl sysctl.conf registry value key parameter -w -n -p set show explain
	message exception socketexception socket: error: tcp windows linux macos freebsd`)

var hanFillers = []string{"是什么意思", "什么意思", "是什么", "怎么办", "怎么解决", "为什么", "状态", "错误码", "错误", "报错", "参数", "注册表", "事件", "的", "？"}

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// unprefixed is the last part of a path: of net.ipv4.tcp_tw_reuse, of
// /proc/sys/net/ipv4/tcp_tw_reuse, of HKLM\…\Parameters\MaxUserPort.
func unprefixed(w string) string {
	w = strings.TrimSpace(w)
	if i := strings.LastIndexAny(w, `/\`); i >= 0 {
		if strings.ContainsAny(w[:i], " \t") { // a sentence, and perhaps of several paths
			return w
		}
		w = w[i+1:]
	}
	if !strings.ContainsAny(w, " \t") { // a sentence has full stops
		if i := strings.LastIndexByte(w, '.'); i >= 0 && i < len(w)-1 {
			w = w[i+1:]
		}
	}
	return w
}

// fold leaves letters and digits, in lower case: TIME_WAIT, time-wait and
// TimeWait become one word. Full-width forms become ASCII.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// numberWords may stand beside the number of an error or event.
var numberWords = setOf(`errno error err code winerror wsa wsaerror wsagetlasterror os event eventid id no nr number
	socketexception oserror exception socket status windows linux macos darwin freebsd unix tcpip hresult errorcode
	what is does mean 错误 错误码 错误代码 代码 事件 事件id 什么意思`)

// numberIn reads words that are a number and nothing that contradicts an
// error's: "10055", "errno 99", "[WinError 10048]", "os error 49", "-4091",
// "SocketException (10013)", "0x80072747".
func numberIn(words string) (n int, ok bool) {
	for _, w := range strings.FieldsFunc(words, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		w = strings.ToLower(w)
		if numberWords[w] {
			continue
		}
		v, err := strconv.ParseUint(w, 0, 32)
		if err != nil && strings.HasPrefix(w, "errno") { // errno99
			v, err = strconv.ParseUint(w[len("errno"):], 10, 32)
		}
		if err != nil || ok {
			return 0, false
		}
		if v>>16 == hresultWin32 && strings.HasPrefix(w, "0x") {
			v &= 0xffff
		}
		n, ok = int(v), true
	}
	return n, ok
}

// hresultWin32 is the upper half of an HRESULT that wraps a Windows error:
// 0x80072747 is 10055.
const hresultWin32 = 0x8007
