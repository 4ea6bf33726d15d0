package symptom

import (
	"bytes"
	"strings"
)

// calls by the words that stand beside an error. Those of one call are found by
// their beginning: "connectex", "connectasync".
var besides = []struct{ word, call string }{
	{"connect", "connect"}, {"wsaconnect", "connect"}, {"finishconnect", "connect"}, {"doconnect", "connect"}, {"beginconnect", "connect"},
	{"jvm_bind", "bind"}, {"bind", "bind"}, {"dobind", "bind"},
	{"listen", "listen"}, {"accept", "accept"}, {"socket", "socket"}, {"send", "send"},
}

// phrases say what was tried, in the words of programs that do not name the call.
var phrases = []struct{ words, call string }{
	{"connect()", "connect"}, {"connect(2)", "connect"}, {"connectex", "connect"}, {"connect to ", "connect"}, {"connecting to ", "connect"},
	{"failed to connect", "connect"}, {"could not connect", "connect"}, {"can't connect", "connect"}, {"cannot connect", "connect"},
	{"unable to connect", "connect"}, {"connect failed", "connect"}, {"connect error", "connect"}, {"connection to ", "connect"},
	{"dial tcp", "connect"}, {"dial unix", ""}, {"connectasync", "connect"}, {"finishconnect", "connect"},
	{"establish a new connection", "connect"}, {"connectexception", "connect"}, {"noroutetohostexception", "connect"},
	{"open tcp connection", "connect"}, {"stream_socket_client", "connect"}, {"fsockopen", "connect"}, {"connection attempt", "connect"},
	{"trying to connect", "connect"}, {"tcpconnectwrap", "connect"}, {"sqlstate[hy000] [2002]", "connect"}, {"backend-connect", "connect"},
	{"error connectredis", "connect"}, {"open a connection", "connect"}, {"create_connection", "connect"}, {"连接到", "connect"},
	{"connect: ", "connect"}, {"connectex: ", "connect"}, {"bind: ", "bind"}, {"accept: ", "accept"}, {"socket: ", "socket"},
	{"bind()", "bind"}, {"bind(2)", "bind"}, {"bind failed", "bind"}, {"binding to", "bind"}, {"bind on address", "bind"}, {"bind to ", "bind"},
	{"cannot bind", "bind"}, {"could not bind", "bind"}, {"failed to bind", "bind"}, {"bindexception", "bind"}, {"unable to bind", "bind"},
	{"make_sock", "bind"}, {"failed to start server", "bind"}, {"port is already allocated", "bind"},
	{"listen()", "listen"}, {"failed to listen", "listen"}, {"could not listen", "listen"}, {"cannot listen", "listen"},
	{"unable to listen", "listen"}, {"listen tcp", "listen"}, {"create listening socket", "listen"}, {"creating server", "listen"},
	{"accept()", "accept"}, {"accept4()", "accept"}, {"error in accept", "accept"}, {"accept error", "accept"}, {"accept failed", "accept"},
	{"accept tcp", "accept"}, {"failed to accept", "accept"}, {"accepting connection", "accept"}, {"serversocketchannelimpl.accept", "accept"},
	{"socket()", "socket"}, {"socket(2)", "socket"}, {"create socket", "socket"}, {"creating socket", "socket"}, {"open socket", "socket"},
	{"connect(", "connect"}, {"bind(", "bind"}, {"listen(", "listen"}, {"accept(", "accept"}, {"accept4(", "accept"},
	{"connecterror", "connect"}, {"newconnectionerror", "connect"}, {"layer4 connection problem", "connect"}, {"attempting to bind", "bind"}, {"bind for ", "bind"}, {"listen: ", "listen"},
	{"connectorerror", "connect"}, {" ssl:none [", "connect"}, {" ssl:default [", "connect"}, {" ssl:false [", "connect"}, {" ssl:true [", "connect"},
	{`syscall":"connect`, "connect"}, {`syscall": "connect`, "connect"}, {`syscall\":\"connect`, "connect"}, {"syscall: 'connect", "connect"},
	{`syscall":"bind`, "bind"}, {`syscall":"listen`, "listen"}, {`syscall": "listen`, "listen"}, {"syscall: 'listen", "listen"},
	{"sendto", "send"}, {"sendmsg", "send"}, {"send()", "send"}, {"write udp", "send"}, {"write tcp", "send"},
}

// callOf reads from a line which call failed: the word right before the error, right
// behind it, or the nearest phrase. "send" is known for the candidates' sake.
func callOf(low []byte, start, end int, c surroundings) string {
	call := lastWord(low[:start])
	if call == "" {
		call = firstWord(low[end:])
	}
	if call == "" {
		call = c.call
	}
	if call == "bind" && c.dialled {
		return "connect" // on Windows, and with a local address, dialling binds first
	}
	return call
}

// lastWord: "connect: ", "listen ", "accept4() ", "connect(".
func lastWord(before []byte) string {
	before = bytes.TrimRight(before, " :([{\"'")
	at := len(before)
	for at > 0 && (alnum(before[at-1]) || before[at-1] == '_') {
		at--
	}
	return wordCall(before[at:])
}

// firstWord: ": connect", " (Bind failed)", " - connect(2)".
func firstWord(behind []byte) string {
	word := bytes.TrimLeft(behind, " :-()")
	if !bytes.ContainsAny(behind[:len(behind)-len(word)], ":-(") {
		return ""
	}
	behind = word
	at := 0
	for at < len(behind) && at < 24 && (alnum(behind[at]) || behind[at] == '_') {
		at++
	}
	return wordCall(behind[:at])
}

func wordCall(word []byte) string {
	if len(word) < 4 || len(word) > 16 {
		return ""
	}
	for _, b := range besides {
		if rest, ok := strings.CutPrefix(string(word), b.word); ok {
			switch rest {
			case "", "ex", "async", "4", "0", "to", "msg":
				return b.call
			}
		}
	}
	return ""
}
