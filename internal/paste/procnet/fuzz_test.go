package procnet_test

import (
	"strings"
	"testing"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
	"sockeye/internal/tcp"
)

func FuzzProcNet(f *testing.F) {
	for _, seed := range []string{sample.ProcLittle, sample.ProcBig, "sockets: used 1\nTCP: inuse 2 orphan\nTCP6: inuse 18446744073709551615\n", "Tcp: A B C\nTcp: 1 -1 x\n",
		"#kernel\nTcpExtX 1 0.0\n", "{\"kernel\":{\"A\":1}}", "entries found hash_grows \n1 2 3\n", "   0: 0100007F:0016 0:0 0A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := paste.Read(t.Context(), strings.NewReader(text), paste.Options{})
		pastetest.TextOnly(t, err)
		for _, s := range p.Snapshot.Sockets {
			if s.State >= tcp.NumStates || s.Timer.Expires < 0 || !s.Local.IsValid() && s.Remote.IsValid() && s.State == tcp.Listen {
				t.Errorf("socket %+v", s)
			}
		}
	})
}
