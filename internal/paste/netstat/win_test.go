package netstat_test

import (
	"strings"
	"testing"

	"sockeye/internal/paste/netstat"
	"sockeye/internal/paste/pastetest"
)

const winHeading = "\nActive Connections\n\n  Proto  Local Address          Foreign Address        State           PID\n"

// Where lines were left out the table goes on, and says that it is cut.
func TestWindowsCut(t *testing.T) {
	const first, second = "  TCP    192.0.2.5:50123        198.51.100.9:443       ESTABLISHED     812\n [shop.exe]\n", "  TCP    192.0.2.5:50124        198.51.100.9:443       CLOSE_WAIT      812\n"
	for _, mark := range []string{"    ...\n", "[...]\n", "    […]\n", "-- More  --\n", "(...)\n", "  ...    ...                    ...\n", " \t...\t\t ...                    ...\n"} {
		p := pastetest.Reads(t, winHeading+first+mark+second, netstat.WindowsName,
			"192.0.2.5:50123 198.51.100.9:443 ESTABLISHED shop.exe/812", "192.0.2.5:50124 198.51.100.9:443 CLOSE_WAIT shop.exe/812")
		if len(p.Parts) != 1 || !p.Parts[0].Cut {
			t.Errorf("%q: parts %+v", mark, p.Parts)
		}
	}
	p := pastetest.Reads(t, winHeading+first+"  TCP    192.0.2.5:50124", netstat.WindowsName, "192.0.2.5:50123 198.51.100.9:443 ESTABLISHED shop.exe/812")
	if !pastetest.BlindTo(p, "paste-cut", netstat.WindowsName) {
		t.Errorf("a row that ends in its middle: %+v", p.Snapshot.BlindSpots)
	}
	p = pastetest.Reads(t, winHeading+"  TCP    192.0.2.5:50124\n"+first, netstat.WindowsName, "192.0.2.5:50123 198.51.100.9:443 ESTABLISHED shop.exe/812")
	if !pastetest.BlindTo(p, "paste-lines-bad", netstat.WindowsName) {
		t.Errorf("a row without its end: %+v", p.Snapshot.BlindSpots)
	}
}

// A title alone is no table, and a heading whose blanks were lost begins none of its own.
func TestWindowsHeadings(t *testing.T) {
	if p, other := pastetest.Given(t, "Active Connections\n\nare what I ask about\n"); len(p.Parts) != 0 || len(other) != 2 {
		t.Errorf("parts %+v, other %q", p.Parts, other)
	}
	p := pastetest.Reads(t, "Active Connections\nProto Local Address Foreign Address State\nTCP 192.0.2.5:50123 198.51.100.9:443 ESTABLISHED\n", netstat.WindowsName,
		"192.0.2.5:50123 198.51.100.9:443 ESTABLISHED -")
	if len(p.Parts) != 1 || p.Parts[0].First != 1 {
		t.Errorf("parts %+v", p.Parts)
	}
}

// The sentence below a row that nobody may be named for, in a language that is
// not listed: it stands one blank from the left.
func TestWindowsOwnersRefused(t *testing.T) {
	for _, sentence := range []string{"Can not obtain ownership information", "Não é possível obter informações de propriedade", "Omistajatietoja ei voi hakea nyt"} {
		p := pastetest.Reads(t, "  Proto  Local Address          Foreign Address        State\n  TCP    0.0.0.0:445            0.0.0.0:0              LISTENING\n "+sentence+
			"\n  TCP    0.0.0.0:8080           0.0.0.0:0              LISTENING\n [shop.exe]\n", netstat.WindowsName,
			"0.0.0.0:445 - LISTEN -", "0.0.0.0:8080 - LISTEN shop.exe/-1")
		if !pastetest.BlindTo(p, "paste-owners-refused", "") || pastetest.BlindTo(p, "paste-owners-hidden", "") {
			t.Errorf("%s: %+v", sentence, p.Snapshot.BlindSpots)
		}
	}
}

// Rows of other systems that were cut to Windows' columns keep their owners, and
// columns that were too narrow for a port are joined again.
func TestPlainOwners(t *testing.T) {
	pastetest.Reads(t, "tcp 192.0.2.5:50123 198.51.100.9:443 ESTABLISHED 812/java\ntcp 192.0.2.5:50124 198.51.100.9:443 TIME_WAIT -\n", netstat.WindowsName,
		"192.0.2.5:50123 198.51.100.9:443 ESTABLISHED java/812", "192.0.2.5:50124 198.51.100.9:443 TIME_WAIT -")
	pastetest.Reads(t, `    tcp    192.0.2.55:50415                 203.0.113.80:80  TIME_WAIT    0     0      0/[System Process]
    tcp    192.0.2.55:50416                 198.51.100.168:  ESTABLISHED  0     0      1352/svchost.exe
                                            443
    tcp    192.0.2.55:50417                 198.51.100.21:4  CLOSE_WAIT   0     0      912/shop.exe
                                            43
`, netstat.WindowsName, "192.0.2.55:50415 203.0.113.80:80 TIME_WAIT -", "192.0.2.55:50416 198.51.100.168:443 ESTABLISHED svchost.exe/1352",
		"192.0.2.55:50417 198.51.100.21:443 CLOSE_WAIT shop.exe/912")
}

// What a command left out is said, whatever the language of the title.
func TestWindowsAsked(t *testing.T) {
	row := "  TCP    192.0.2.5:50123        198.51.100.9:443       ESTABLISHED     812\n"
	powershell := "\nLocalAddress LocalPort RemoteAddress RemotePort State AppliedSetting OwningProcess\n------------ --------- ------------- ---------- ----- -------------- -------------\n" +
		"192.0.2.5 50112 198.51.100.9 443 SynSent Internet 412\n"
	for command, partly := range map[string]bool{
		"netstat -ano":                                   false,
		"netstat -a -n -o > all.txt":                     false,
		"netstat -anoq | more":                           false,
		"NETSTAT.EXE /ano":                               false,
		"netstat -no":                                    true,
		"netstat":                                        true,
		"netstat -ano | findstr :443":                    true,
		"netstat -ano | Select-String ESTABLISHED":       true,
		"netstat -a -n -p udp":                           true,
		"netstat -a -n -p tcp":                           false,
		"Get-NetTCPConnection":                           false,
		"Get-NetTCPConnection -State SynSent":            true,
		"Get-NetTCPConnection | ? State -eq Bound":       true,
		"Get-NetTCPConnection | Select-Object -First 10": true,
		"Get-NetTCPConnection | sort LocalPort":          false,
	} {
		table := "\nAktive Verbindungen\n\n  Proto  Lokale Adresse         Remoteadresse          Status           PID\n" + row
		if strings.HasPrefix(command, "Get") {
			table = powershell
		}
		for _, prompt := range []string{`C:\Users\me>`, `PS C:\Users\me> `, "PS > "} {
			p, _ := pastetest.Given(t, prompt+command+"\n"+table)
			if pastetest.BlindTo(p, "paste-filtered", command) != partly {
				t.Errorf("%s%s: %+v", prompt, command, p.Snapshot.BlindSpots)
			}
		}
	}
	// A command of before the log does not tell of this table.
	p, _ := pastetest.Given(t, "C:\\>netstat -ano | findstr 443\nThe log of 09:05 says: it failed.\n"+row)
	if len(p.Snapshot.Sockets) != 1 || pastetest.BlindTo(p, "paste-filtered", "netstat -ano | findstr 443") {
		t.Errorf("%+v", p.Snapshot.BlindSpots)
	}
}

// A host's name that was broken behind its hyphen is put together again.
func TestBrokenNames(t *testing.T) {
	p := pastetest.Reads(t, "Proto Local Address Foreign Address State\nTCP 127.0.0.1:9010 LAB-7QX:55452 ESTABLISHED\nTCP 127.0.0.1:9100 LAB- 7QX:55453 ESTABLISHED\nTCP LAB- 7QX:139 far- away:1025 TIME_WAIT\n", netstat.WindowsName,
		"127.0.0.1:9010 [100::%LAB-7QX]:55452 ESTABLISHED -", "127.0.0.1:9100 [100::%LAB-7QX]:55453 ESTABLISHED -", "[100::%LAB-7QX]:139 [100::%far-away]:1025 TIME_WAIT -")
	if p.Parts[0].Bad != 0 {
		t.Errorf("bad lines: %+v", p.Parts)
	}
}

// A date is no accept queue, though it has two slashes.
func TestDatesAreNoQueues(t *testing.T) {
	if p, _ := pastetest.Given(t, "10/9/2010 6:31:06 PM\n10/9/2010 6:31:07 PM\n"); len(p.Parts) != 0 {
		t.Errorf("parts %+v", p.Parts)
	}
	pastetest.Reads(t, "0/0/128        *.80\n0/0/5          192.0.2.5.8080\n", "netstat -L (BSD)", "0.0.0.0:80 - LISTEN -", "192.0.2.5:8080 - LISTEN -")
}
