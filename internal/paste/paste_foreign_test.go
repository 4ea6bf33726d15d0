package paste_test

import (
	"slices"
	"testing"

	"sockeye/internal/paste/pastetest"
)

// What readers do not know and yet is theirs stays theirs, beside the messages that
// are not: a table must neither swallow a log nor fall apart.
func TestUnknownLinesOfTheirOwn(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		other      []string
	}{
		{"netstat -b", "  Proto  Local Address          Foreign Address        State\n" +
			"  TCP    192.0.2.5:50000        192.0.2.9:1433         ESTABLISHED\n [shop.exe]\n" +
			"  TCP    192.0.2.5:50001        192.0.2.9:1433         ESTABLISHED\n  Net Driver HPZ12\n [svchost.exe]\n" +
			"  TCP    192.0.2.5:50001        192.0.2.9:1433         ESTABLISHED\n  C:\\Program Files\\Shop\\net core.dll\n  -- unbekannte Komponente(n) --\n [shop.exe]\n" +
			"  TCP    192.0.2.5:50002        192.0.2.9:1433         ESTABLISHED\n Die Besitzer sind leider nicht zu erfahren\n", nil},
		{"netstat -s", "Ip:\n    Forwarding is enabled\n    77 datagrams went elsewhere\nIcmp:\n    histogram of what came:\n        echo: 5\n" +
			"Tcp:\n    RTO algorithm is reno\n    9 opened\n", nil},
		{"netstat -s in words without blanks", "Tcp:\n    接続が4回失敗\n", nil},
		{"after the complaint", "(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n" +
			"Offene Verbindungen (Server und andere)\ntcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      -\n", nil},
		{"a list of CIM", "LocalAddress          : 192.0.2.5\nLocalPort             : 50000\nCaption               :\nDescription           : of what it is here\n" +
			"RemoteAddress         : 192.0.2.9\nRemotePort            : 1433\nState                 : Established\nCimClass              : ROOT/StandardCimv2:MSFT_NetTCPConnection\nCreationTime          : 11/22/2026 9:05:00 AM\n" +
			"Error: it is not of the list\n", []string{"Error: it is not of the list"}},
		{"Get-NetTCPSetting", "SettingName                   DynamicPortRangeStartPort DynamicPortRangeNumberOfPorts\n-----------                   ------------------------- -----------------------------\nAutomatic\nInternet                                          49152                         16384\nConnection refused\n",
			[]string{"Connection refused"}},
		{"sysctl", "$ sysctl net.core.somaxconn net.x\nnet.core.somaxconn = 128\nerror: \"net.x\" is an unknown key\nerror: it does not go on\n", []string{"$ sysctl net.core.somaxconn net.x", "error: it does not go on"}},
		{"tcp global of old", "TCP Global Parameters\n----------------------------------------------\nReceive-Side Scaling State          : enabled \nDirect Cache Acess (DCA)            : disabled \n" +
			"ECN Capability                      : application preference\nRFC 1323 Timestamps                 : disabled \nconnect: refused here\n", []string{"connect: refused here"}},
		{"tcp global, and a blank line", "TCP Global Parameters\n----------------------------------------------\nReceive-Side Scaling State          : enabled\nECN Capability                      : disabled\nRFC 1323 Timestamps                 : disabled\n\nInitial RTO                         : 1000\n",
			[]string{"Initial RTO                         : 1000"}},
	} {
		if p, other := pastetest.Given(t, tt.text); len(p.Parts) != 1 || !slices.Equal(other, tt.other) {
			t.Errorf("%s: parts %+v, left over %q", tt.name, p.Parts, other)
		}
	}
}
