package paste_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sockeye/internal/paste/pastetest"
)

// One line that is longer than any other may be: ConvertTo-Json -Compress.
func TestJSONOnOneLine(t *testing.T) {
	var rows bytes.Buffer
	const n = 3000
	for i := range n {
		if i > 0 {
			rows.WriteString(", ")
		}
		fmt.Fprintf(&rows, `{"CimClass":{"q":[{"n":"}{][\"\\"},{}]},"LocalAddress":"192.0.2.1","LocalPort":%d,"RemoteAddress":"198.51.100.4","RemotePort":443,"State":5,"OwningProcess":7}`, 50000+i%1000)
	}
	for name, text := range map[string]string{
		"an array":           "[" + rows.String() + "]\nNov 22 something else\n",
		"in an object":       `{"Count":3000,"value": [ ` + rows.String() + " ]}\r\nNov 22 something else\n",
		"cut":                "[" + rows.String() + ",{\"Local\nNov 22 something else\n",
		"a prompt before it": "PS C:\\> Get-NetTCPConnection | ConvertTo-Json -Compress\n[" + rows.String() + "]\n\nNov 22 something else",
	} {
		p, other := pastetest.Given(t, text)
		if len(p.Parts) != 1 || p.Parts[0].Rows != n || (p.Parts[0].Bad > 0) != (name == "cut") || p.Parts[0].First != p.Parts[0].Last && name != "a prompt before it" || len(p.Snapshot.Sockets) != n || other[len(other)-1] != "Nov 22 something else" {
			t.Errorf("%s: parts %+v, %d sockets, other lines %q", name, p.Parts, len(p.Snapshot.Sockets), other)
		}
		if want := uint64(strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1); p.Lines != want {
			t.Errorf("%s: %d lines, not %d", name, p.Lines, want)
		}
	}
}
