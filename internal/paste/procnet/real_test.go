package procnet_test

import (
	"os"
	"os/exec"
	"testing"

	"sockeye/internal/paste/pastetest"
)

// The kernel's own files and nstat, which reads them, must give the same names.
func TestNstatOfThisMachine(t *testing.T) {
	nstat, err := exec.LookPath("nstat")
	if err != nil {
		t.Skip("iproute2 is not installed: ", err)
	}
	text, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	more, err := os.ReadFile("/proc/self/net/netstat")
	if err != nil {
		t.Fatal(err)
	}
	kernel, other := pastetest.Given(t, string(text)+string(more))
	if len(other) > 0 || kernel.Parts[0].Bad > 0 {
		t.Errorf("the kernel's files: left over %q, %+v", other, kernel.Parts)
	}
	for _, options := range [][]string{{"-asz"}, {"-aszj"}, {"-aszjp"}} {
		printed, err := exec.Command(nstat, options...).Output()
		if err != nil {
			t.Fatalf("nstat %v: %v", options, err)
		}
		p, _ := pastetest.Given(t, string(printed))
		missing := 0
		for name := range pastetest.NetNS(kernel).Counters {
			if _, ok := pastetest.NetNS(p).Counters[name]; !ok {
				missing++
				if missing < 5 {
					t.Logf("nstat %v lacks %s", options, name)
				}
			}
		}
		if missing > 10 || len(pastetest.NetNS(p).Counters) < 100 {
			t.Errorf("nstat %v: %d counters, %d of the kernel's are missing", options, len(pastetest.NetNS(p).Counters), missing)
		}
	}
}
