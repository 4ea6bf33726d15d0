package viewer_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"sockeye/internal/paste/pastetest"
)

const powershellTable = `
PS C:\Users\shop> Get-NetTCPConnection

LocalAddress                        LocalPort RemoteAddress                       RemotePort State       AppliedSetting OwningProcess
------------                        --------- -------------                       ---------- -----       -------------- -------------
::                                  49676     ::                                  0          Listen                     728
2001:db8:63:4380:14b7:e9ed:2362:... 52544     2001:db8:b0:4009:816::2005          443        Established Internet       4120
192.0.2.5                           50110     198.51.100.9                        443        TimeWait                   0
192.0.2.5                           50112     198.51.100.9                        443        CloseWait   Internet       412
0.0.0.0                             50112     0.0.0.0                             0          Bound                      412
0.0.0.0                             50110     0.0.0.0                             0          Bound                      412
0.0.0.0                             50999     0.0.0.0                             0          Bound                      412
`

func TestPowerShell(t *testing.T) {
	for _, c := range []struct {
		name, text, kinds string
		want              []string
	}{
		{"table", powershellTable, "Get-NetTCPConnection", []string{
			"0.0.0.0:50999 - BOUND /412", // those of ports that a connection has are no sockets of their own
			"192.0.2.5:50110 198.51.100.9:443 TIME_WAIT -",
			"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT /412",
			"[100::%2001:db8:63:4380:14b7:e9ed:2362:...]:52544 [2001:db8:b0:4009:816::2005]:443 ESTABLISHED /4120",
			"[::]:49676 - LISTEN /728",
		}},
		{"table without owners, blanks lost", `LocalAddress LocalPort RemoteAddress RemotePort State AppliedSetting
------------ --------- ------------- ---------- ----- --------------
:: 445 :: 0 Listen
192.0.2.5 50112 198.51.100.9 443 FinWait2 Internet
`, "Get-NetTCPConnection", []string{"192.0.2.5:50112 198.51.100.9:443 FIN_WAIT_2 -", "[::]:445 - LISTEN -"}},
		{"table with owners, blanks lost", `LocalAddress LocalPort RemoteAddress RemotePort State AppliedSetting OwningProcess
------------ --------- ------------- ---------- ----- -------------- -------------
:: 445 :: 0 Listen 4
192.0.2.5 50112 198.51.100.9 443 SynSent Internet 412
`, "Get-NetTCPConnection", []string{"192.0.2.5:50112 198.51.100.9:443 SYN_SENT /412", "[::]:445 - LISTEN /4"}},
		{"chosen columns, numbers to the right", `
LocalAddress   LocalPort RemoteAddress  RemotePort       State OwningProcess Process
------------   --------- -------------  ----------       ----- ------------- -------
192.0.2.5          50112 198.51.100.9          443 Established           412 shop
::                   135 ::                      0      Listen           900 svchost
`, "Get-NetTCPConnection", []string{"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop/412", "[::]:135 - LISTEN svchost/900"}},
		{"Format-List", `

LocalAddress   : ::
LocalPort      : 49676
RemoteAddress  : ::
RemotePort     : 0
State          : Listen
AppliedSetting :
OwningProcess  : 728
CreationTime   : 11/2/2025 9:00:01 AM
OffloadState   : InHost

LocalAddress   : 192.0.2.5
LocalPort      : 50112
RemoteAddress  : 198.51.100.9
RemotePort     : 443
State          : CloseWait
AppliedSetting : Internet
OwningProcess  : 412


PS C:\Users\shop> exit
`, "Get-NetTCPConnection (list)", []string{"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT /412", "[::]:49676 - LISTEN /728"}},
		{"Format-List *", `State                    : Established
AppliedSetting           : Internet
Caption                  :
InstanceID               : 192.0.2.5++50112++198.51.100.9++443
Status                   :
LocalAddress             : 192.0.2.5
LocalPort                : 50112
OwningProcess            : 412
RemoteAddress            : 198.51.100.9
RemotePort               : 443
PSComputerName           :
CimClass                 : ROOT/StandardCimv2:MSFT_NetTCPConnection

State                    : Bound
LocalAddress             : 0.0.0.0
LocalPort                : 50999
OwningProcess            : 412
RemoteAddress            : 0.0.0.0
RemotePort               : 0
`, "Get-NetTCPConnection (list)", []string{"0.0.0.0:50999 - BOUND /412", "192.0.2.5:50112 198.51.100.9:443 ESTABLISHED /412"}},
		{"Export-Csv", `#TYPE Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetTCPConnection
"State","AppliedSetting","OwningProcess","Caption","LocalAddress","LocalPort","RemoteAddress","RemotePort"
"Established","Internet","412","","192.0.2.5","50112","198.51.100.9","443"
"LastAck","Internet","0","","192.0.2.5","50113","198.51.100.9","443"
`, "Get-NetTCPConnection", []string{"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED /412", "192.0.2.5:50113 198.51.100.9:443 LAST_ACK -"}},
		{"ConvertTo-Json", `[
    {
        "CimClass":  {
                         "CimSuperClassName":  "CIM_ManagedElement",
                         "CimClassProperties":  [
                                                    "Caption",
                                                    "State"
                                                ]
                     },
        "State":  5,
        "OwningProcess":  412,
        "LocalAddress":  "192.0.2.5",
        "LocalPort":  50112,
        "RemoteAddress":  "198.51.100.9",
        "RemotePort":  443,
        "Status":  null
    },
    {
        "CimClass":  {
                         "CimSuperClassName":  "CIM_ManagedElement"
                     },
        "State":  11,
        "OwningProcess":  0,
        "LocalAddress":  "192.0.2.5",
        "LocalPort":  50113,
        "RemoteAddress":  "198.51.100.9",
        "RemotePort":  443
    }
]
`, "Get-NetTCPConnection (list)", []string{"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED /412", "192.0.2.5:50113 198.51.100.9:443 TIME_WAIT -"}},
		{"ConvertTo-Json -Compress", `[{"LocalAddress":"192.0.2.5","LocalPort":50112,"RemoteAddress":"198.51.100.9","RemotePort":443,"State":8,"OwningProcess":412},{"LocalAddress":"::","LocalPort":135,"RemoteAddress":"::","RemotePort":0,"State":"Listen","OwningProcess":900},{"LocalAddress":"::","LocalPort":999,"RemoteAddress":"::","RemotePort":0,"State":100,"OwningProcess":900}]
`, "Get-NetTCPConnection (JSON)", []string{"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT /412", "[::]:135 - LISTEN /900", "[::]:999 - BOUND /900"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p := pastetest.Reads(t, c.text, c.kinds, c.want...); p.Snapshot.Machine.OS != "windows" {
				t.Errorf("system %q", p.Snapshot.Machine.OS)
			}
		})
	}
}

// What PowerShell's ">" writes is UTF-16.
func TestPowerShellRedirected(t *testing.T) {
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(strings.ReplaceAll(powershellTable, "\n", "\r\n"))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	if _, got := pastetest.Drawn(t, string(wide)); len(got) != 5 {
		t.Errorf("%d sockets: %v", len(got), got)
	}
}

// A list of other things, or JSON of others, goes to whom it belongs.
func TestRecordsOfOthers(t *testing.T) {
	for _, text := range []string{
		"State : Listen\nName : shop\n\nthe end\n",
		"  \"State\": 5,\n  \"Name\": \"shop\"\n}\nERROR\n",
	} {
		if p, got := pastetest.Drawn(t, text); len(got) != 0 || len(p.Parts) != 0 {
			t.Errorf("%q: %v, parts %v", text, got, p.Parts)
		}
	}
}

func FuzzPowerShell(f *testing.F) {
	for _, seed := range []string{
		powershellTable, "LocalAddress : ::\nLocalPort : 1\nState : Listen\n", `[{"LocalPort":1,"LocalAddress":"::"}]`,
		"\"LocalAddress\": \"::\",\n\"LocalPort\": 1\n}\n", "#TYPE MSFT_NetTCPConnection\n\"LocalAddress\",\"LocalPort\",\"RemotePort\",\"RemoteAddress\"\n\"::\",\"1\",\"0\",\"::\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { pastetest.Sound(t, text) })
}
