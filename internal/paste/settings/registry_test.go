package settings_test

import (
	"strings"
	"testing"

	"sockeye/internal/paste/pastetest"
)

func TestRegistry(t *testing.T) {
	for name, text := range map[string]string{
		"an export": "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters]\r\n" +
			"\"DataBasePath\"=hex(2):25,00,53,00,79,00,\\\r\n  73,00,74,00,65,00,6d,00\r\n\"Hostname\"=\"WEB01\"\r\n\"TcpTimedWaitDelay\"=dword:0000001e\r\n\"MaxUserPort\"=dword:0000fffe\r\n\r\n" +
			"[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\{0a}]\r\n\"KeepAliveTime\"=dword:00000001\r\n",
		"reg query": "C:\\>reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\n\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\n" +
			"    DataBasePath    REG_EXPAND_SZ    %SystemRoot%\\System32\\drivers\\etc\n    Hostname    REG_SZ    WEB01\n    tcptimedwaitdelay    REG_DWORD    0x1e\n    MaxUserPort    REG_DWORD    0xfffe\n",
		"an old reg query":     "! REG.EXE VERSION 3.0\n\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\n\tHostname\tREG_SZ\tWEB01\n\tTcpTimedWaitDelay\tREG_DWORD\t0x1e\n\tMaxUserPort\tREG_DWORD\t0xfffe\n",
		"written down by hand": "PS C:\\> hostname\nWEB01\n\n  [HKEY_LOCAL_MACHINE \\System \\CurrentControlSet \\Services \\Tcpip \\Parameters]\n  MaxUserPort=65534\n  TcpTimedWaitDelay = 0x1e\n  see there\n",
		"Get-ItemProperty":     "PS C:\\> hostname\nWEB01\nPS C:\\> Get-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\n\nTcpTimedWaitDelay : 30\nMaxUserPort       : 65534\nPSPath            : Microsoft.PowerShell.Core\\Registry::HKEY_LOCAL_MACHINE\n",
	} {
		p, _ := pastetest.Given(t, text)
		s := pastetest.NetNS(p).Settings
		if s["windows.TcpTimedWaitDelay"] != "30" || s["windows.MaxUserPort"] != "65534" || s["windows.KeepAliveTime"] != "" || p.Snapshot.Machine.Name != "WEB01" {
			t.Errorf("%s: settings %v, machine %+v, parts %+v", name, s, p.Snapshot.Machine, p.Parts)
		}
	}
}

// What netsh prints of TCP as a whole is no prose, in any language.
func TestTCPGlobals(t *testing.T) {
	const rule = "----------------------------------------------\n"
	for _, text := range []string{
		"Querying active state...\n\nTCP Global Parameters\n" + rule + "Receive-Side Scaling State          : enabled\nInitial RTO                         : 3000\nMax SYN Retransmissions             : 2\n\nC:\\>",
		"Abfragen des aktiven Status...\n\nGlobale TCP-Parameter\n" + rule + "Zustand der empfangsseitigen Skalierung: enabled\nRSC-Zustand : disabled\nAnf\u00e4ngliches RTO : 1000\nMax. SYN-Neu\u00fcbertragungen : 4\n",
		"TCP \u5168\u5c40\u53c2\u6570\n" + rule + "\u63a5\u6536\u65b9\u7f29\u653e\u72b6\u6001          : enabled\n\u521d\u59cb RTO : 1000\n\u6700\u5927 SYN \u91cd\u65b0\u4f20\u8f93\u6b21\u6570 : 4\n",
	} {
		if p, _ := pastetest.Given(t, text); len(p.Parts) != 1 || p.Parts[0].Kind != "netsh tcp global" || p.Parts[0].Rows < 3 || p.Snapshot.Machine.OS != "windows" {
			t.Errorf("%q: parts %+v", text, p.Parts)
		}
	}
	if p, other := pastetest.Given(t, "TCP is a global matter\n\nand this is prose: so\n"); len(p.Parts) != 0 || len(other) != 2 {
		t.Errorf("prose: parts %+v, other %q", p.Parts, other)
	}
}

func TestPortRanges(t *testing.T) {
	const rule = "---------------------------------\n"
	for _, tt := range []struct{ name, text, setting, want string }{
		{"English", "C:\\> netsh int ipv4 show dynamicport tcp\n\nProtocol tcp Dynamic Port Range\n" + rule + "Start Port      : 49152\nNumber of Ports : 16384\n\n", "dynamicport.ipv4.tcp", "49152 16384"},
		{"German, IPv6, UDP", "C:\\> netsh int ipv6 show dynamicport udp\n\nProtokoll udp Dynamischer Portbereich\n" + rule + "Startport      : 1025\nAnzahl von Ports : 64510\n", "dynamicport.ipv6.udp", "1025 64510"},
		{"Chinese", "协议 tcp 动态端口范围\n" + rule + "启动端口        : 10000\n端口数          ：50000\n", "dynamicport.ipv4.tcp", "10000 50000"},
		{"mojibake", "\xd0\xad\xd2\xe9 tcp \xb6\xaf\xcc\xac\xb6\xcb\xbf\xda\xb7\xb6\xce\xa7\n" + rule + "\xc6\xf4\xb6\xaf\xb6\xcb\xbf\xda : 10000\n\xb6\xcb\xbf\xda\xca\xfd : 50000\n", "dynamicport.ipv4.tcp", "10000 50000"},
		{"excluded", "Protocol tcp Port Exclusion Ranges\n\nStart Port    End Port      \n----------    --------      \n      5000        5059      \n     50000       50059     *\n\n* - Administered port exclusions.\n", "excludedportrange.ipv4.tcp", "5000-5059,50000-50059"},
		{"excluded, with remarks and gaps", "Protocol tcp Port Exclusion Ranges\n\nStart Port    End Port\n----------    --------\n[...]\n    51675       51774\n    51775       51874   #my port 51820 is here\n    51875       51974     *\n[...]\n", "excludedportrange.ipv4.tcp", "51675-51774,51775-51874,51875-51974"},
		{"excluded, from the columns on", "Puerto de inicio    Puerto final\n----------          --------\n      1025        1124\n      5357        5357\n", "excludedportrange.ipv4.tcp", "1025-1124,5357-5357"},
		{"Get-NetTCPSetting", "SettingName                     : Automatic\nDynamicPortRangeStartPort       :\n\nSettingName                     : Internet\nDynamicPortRangeStartPort       : 49152\nDynamicPortRangeNumberOfPorts   : 16384\n", "dynamicport.ipv4.tcp", "49152 16384"},
		{"Get-NetTCPSetting, a table", "SettingName      DynamicPortRangeStartPort DynamicPortRangeNumberOfPorts\n-----------      ------------------------- -----------------------------\nAutomatic\nInternet                             49152                         16384\n", "dynamicport.ipv4.tcp", "49152 16384"},
	} {
		p, _ := pastetest.Given(t, tt.text)
		if got := pastetest.NetNS(p).Settings["windows."+tt.setting]; got != tt.want {
			t.Errorf("%s: %q, not %q; parts %+v", tt.name, got, tt.want, p.Parts)
		}
		if p.Snapshot.Machine.OS != "windows" {
			t.Errorf("%s: system %q", tt.name, p.Snapshot.Machine.OS)
		}
	}
}

// Tables that look alike at their head are left to others, whole.
func TestNoPortRanges(t *testing.T) {
	for _, text := range []string{
		"TCP Global Parameters\n----------------------------------------------\nReceive-Side Scaling State          : enabled\n",
		"tcp ports\n----------    --------\nfoo 1\n",
		"Protocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 99999\n",
	} {
		p, other := pastetest.Given(t, text)
		if len(pastetest.NetNS(p).Settings) > 0 || len(other) != strings.Count(text, "\n") {
			t.Errorf("%q: settings %v, left over %q", text, pastetest.NetNS(p).Settings, other)
		}
	}
}
