package symptom

import (
	"bytes"

	"sockeye/internal/host"
)

// runtimes by what stands in a line, beside an error that does not tell itself.
var runtimes = []struct {
	word    string
	runtime host.Runtime
}{
	{"java.net.", host.JVM}, {"java.io.", host.JVM}, {"java.nio.", host.JVM}, {"io.netty.", host.JVM}, {"org.apache.http", host.JVM}, {"java.lang.", host.JVM}, {"jvm_bind", host.JVM},
	{"system.net.", host.DotNet}, {"system.io.", host.DotNet}, {"microsoft.", host.DotNet},
	{"os { code", host.Rust}, {"(os error", host.Rust}, {"[errno", host.Python}, {"winerror", host.Python}, {"urlopen error", host.Python}, {"connectionpool(", host.Python},
	{"errno::", host.Ruby}, {"connect(2)", host.Ruby}, {"bind(2)", host.Ruby},
	{"dial tcp", host.Go}, {"dial udp", host.Go}, {"listen tcp", host.Go}, {"accept tcp", host.Go}, {"connectex:", host.Go}, {"read tcp", host.Go}, {"write tcp", host.Go}, {"http: accept error", host.Go},
	{"sqlstate[", host.PHP}, {"stream_socket_client", host.PHP}, {"fsockopen", host.PHP}, {"predis", host.PHP}, {"php ", host.PHP},
	{"{error,", host.Erlang}, {"{error, ", host.Erlang}, {"{:error, ", host.Erlang}, {"gen_tcp", host.Erlang}, {"due to e", host.Erlang},
	{"while connecting to upstream", host.Nginx}, {"nginx", host.Nginx}, {"curl: (", host.Curl},
}

// surroundings are what the words around an error tell.
type surroundings struct {
	call    string       // by the phrase that ends last before it, else the first behind
	runtime host.Runtime // by the first of runtimes
	dialled bool         // Go's "dial tcp" is there
}

// How far around an error words are looked at, in bytes.
const (
	wordsBefore = 300
	wordsBehind = 120
)

// surroundings reads the words around low[start:end] in one pass.
func (t *table) surroundings(low []byte, start, end int) surroundings {
	from := max(0, start-wordsBefore)
	around := low[from:min(len(low), end+wordsBehind)]
	var c surroundings
	before, behind, best := -1, -1, len(runtimes)
	state := uint16(0)
	for at := 0; at < len(around); {
		n, to := t.around.next(around[at:], state)
		if n < 0 {
			break
		}
		at, state = at+n, to
		for _, word := range t.around.words(to) {
			if int(word) >= len(phrases) {
				best = min(best, int(word)-len(phrases))
				continue
			}
			p := &phrases[word]
			c.dialled = c.dialled || p.words == "dial tcp"
			switch {
			case from+at <= start:
				if at >= before {
					before, c.call = at, p.call
				}
			case before < 0 && behind < 0:
				behind, c.call = at, p.call
			}
		}
	}
	if best < len(runtimes) {
		c.runtime = runtimes[best].runtime
	}
	return c
}

func runtimeOf(low []byte, v verdict, c surroundings) host.Runtime {
	if c.runtime != "" {
		return c.runtime
	}
	// Node writes the call and the name: "connect ECONNREFUSED 10.0.0.5:443".
	if v.mark.kind == ofName {
		switch string(bytes.TrimSpace(low[max(0, v.start-8):v.start])) {
		case "connect", "listen", "accept", "read", "write", "bind", ": connect", ": listen", ": read", ": write", "r: read", "r: write", ": accept", ": bind":
			return host.Node
		}
	}
	return ""
}
