package viewer

import (
	"strings"
	"unicode"
)

// column is what a column of a table, or a line of a record, tells.
type column uint8

const (
	otherColumn column = iota
	processColumn
	pidColumn
	pathColumn
	userColumn
	protocolColumn
	stateColumn
	localColumn // an address, or an address and a port in one
	localPortColumn
	remoteColumn
	remotePortColumn
	columns
)

// columnNames are whole headings, folded (see foldHeading), of what cannot be put
// together from parts: English, German, French, Spanish, Portuguese, Italian,
// Polish, Russian, Chinese, Japanese, Korean.
var columnNames = map[string]column{
	"process": processColumn, "processname": processColumn, "imagename": processColumn, "program": processColumn,
	"programname": processColumn, "application": processColumn, "applicationname": processColumn, "app": processColumn,
	"owner": processColumn, "executable": processColumn, "command": processColumn, "commandname": processColumn, "exe": processColumn,
	"prozess": processColumn, "prozessname": processColumn, "abbildname": processColumn, "anwendung": processColumn, "programm": processColumn,
	"processus": processColumn, "nomduprocessus": processColumn, "nomdelimage": processColumn, "nomdeprocessus": processColumn,
	"proceso": processColumn, "nombredeproceso": processColumn, "nombredelproceso": processColumn, "nombredeimagen": processColumn,
	"processo": processColumn, "nomedoprocesso": processColumn, "nomedaimagem": processColumn, "nomeprocesso": processColumn, "nomeimmagine": processColumn,
	"proces": processColumn, "nazwaprocesu": processColumn, "nazwaobrazu": processColumn,
	"процесс": processColumn, "имяпроцесса": processColumn, "имяобраза": processColumn,
	"进程": processColumn, "进程名": processColumn, "进程名称": processColumn, "映像名称": processColumn, "映像名稱": processColumn, "程序": processColumn,
	"處理程序": processColumn, "處理程序名稱": processColumn, "プロセス": processColumn, "プロセス名": processColumn, "イメージ名": processColumn,
	"프로세스": processColumn, "프로세스이름": processColumn, "이미지이름": processColumn,

	"pid": pidColumn, "processid": pidColumn, "owningprocess": pidColumn, "owningpid": pidColumn, "ownerpid": pidColumn, "ownerprocess": pidColumn,
	"owningprocessid": pidColumn, "prozessid": pidColumn, "prozesskennung": pidColumn, "iddeprocessus": pidColumn, "idduprocessus": pidColumn,
	"iddeproceso": pidColumn, "iddelproceso": pidColumn, "idproceso": pidColumn, "iddoprocesso": pidColumn, "idprocesso": pidColumn,
	"idprocesu": pidColumn, "идпроцесса": pidColumn, "进程id": pidColumn, "进程标识": pidColumn, "进程标识符": pidColumn,
	"處理程序id": pidColumn, "處理程序識別碼": pidColumn, "プロセスid": pidColumn, "프로세스id": pidColumn,

	"processpath": pathColumn, "path": pathColumn, "executablepath": pathColumn, "imagepath": pathColumn, "programpath": pathColumn,
	"进程路径": pathColumn, "程序路径": pathColumn, "路径": pathColumn, "chemin": pathColumn, "ruta": pathColumn, "pfad": pathColumn,

	"user": userColumn, "username": userColumn, "benutzername": userColumn, "用户名": userColumn,

	"protocol": protocolColumn, "proto": protocolColumn, "protokoll": protocolColumn, "protocole": protocolColumn,
	"protocolo": protocolColumn, "protocollo": protocolColumn, "protokół": protocolColumn, "протокол": protocolColumn,
	"协议": protocolColumn, "協定": protocolColumn, "通訊協定": protocolColumn, "プロトコル": protocolColumn, "프로토콜": protocolColumn,

	"state": stateColumn, "status": stateColumn, "connectionstate": stateColumn, "tcpstate": stateColumn, "zustand": stateColumn,
	"état": stateColumn, "etat": stateColumn, "estado": stateColumn, "stato": stateColumn, "stan": stateColumn, "состояние": stateColumn,
	"状态": stateColumn, "狀態": stateColumn, "状態": stateColumn, "상태": stateColumn, "durum": stateColumn,

	"local": localColumn, "laddr": localColumn, "src": localColumn, "localend": localColumn, "lport": localPortColumn, "sport": localPortColumn,
	"remote": remoteColumn, "raddr": remoteColumn, "dst": remoteColumn, "remoteend": remoteColumn, "rport": remotePortColumn, "dport": remotePortColumn,
}

// The words for this end, for the other end, for ports and for addresses, in the
// same languages; what a heading holds one of a side and one of a part of is put
// together from them.
var (
	localWords   = []string{"local", "lokal", "locale", "source", "src", "本地", "本机", "本機", "ローカル", "локальн", "로컬"}
	remoteWords  = []string{"remote", "remot", "foreign", "peer", "dest", "dst", "distant", "fremd", "entfernt", "extern", "estern", "zdaln", "远程", "遠端", "外部", "リモート", "외부", "원격", "удал", "внешн"}
	portWords    = []string{"port", "puerto", "端口", "連接埠", "通訊埠", "ポート", "포트", "порт"}
	addressWords = []string{"addr", "adr", "ip", "dirección", "direccion", "indirizzo", "endere", "地址", "位址", "アドレス", "адрес", "주소", "endpoint", "host"}
	// aboutWords make of an address something that is told about it.
	aboutWords = []string{"name", "nombre", "country", "byte", "packet", "mac", "interface", "scope", "名", "国家", "имя", "process", "region", "city", "asn"}
)

// columnOf tells what a heading stands above.
func columnOf(heading []byte) column {
	if len(heading) == 0 || len(heading) > 60 {
		return otherColumn
	}
	word := foldHeading(heading)
	if c, ok := columnNames[word]; ok {
		return c
	}
	if anyWord(word, aboutWords) {
		return otherColumn
	}
	local, remote := anyWord(word, localWords), anyWord(word, remoteWords)
	port, address := anyWord(word, portWords), anyWord(word, addressWords)
	switch {
	case local == remote || !port && !address:
		return otherColumn
	case local && address:
		return localColumn // "Local Address:Port" too
	case local:
		return localPortColumn
	case address:
		return remoteColumn
	}
	return remotePortColumn
}

func anyWord(in string, words []string) bool {
	for _, w := range words {
		if strings.Contains(in, w) {
			return true
		}
	}
	return false
}

// foldHeading keeps letters and digits of every script, in lower case.
func foldHeading(heading []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == 'ー' {
			return unicode.ToLower(r)
		}
		return -1
	}, string(heading))
}
