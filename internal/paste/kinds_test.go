package paste

import "testing"

// What tooShort refuses unasked, no kind would have taken.
func TestTooShort(t *testing.T) {
	const alphabet = "aprsuACEHILMPSTW019 \t:.=$#%>[{\"-*\x00"
	var line [4]byte
	for i := range len(alphabet) * len(alphabet) * len(alphabet) {
		line[0], line[1], line[2] = alphabet[i%len(alphabet)], alphabet[i/len(alphabet)%len(alphabet)], alphabet[i/len(alphabet)/len(alphabet)]
		line[3] = line[0]
		for n := 1; n <= len(line); n++ {
			if !tooShort(line[:n]) {
				continue
			}
			for k := range allKinds {
				if allKinds[k].Begins(line[:n]) {
					t.Fatalf("%q begins %s", line[:n], allKinds[k].Name)
				}
			}
		}
	}
	for _, line := range []string{"p1", "p12", "Ip:", "Tcp:"} {
		if begunBy([]byte(line)) == nil {
			t.Errorf("%q begins nothing", line)
		}
	}
}

// What lists sockets is read in comments too, by whatever the program is called.
func TestKindsInComments(t *testing.T) {
	for _, k := range allKinds {
		switch k.Name {
		case "netstat", "ss", "lsof", "counts of states", "/proc/net/tcp", "conntrack -L":
			if !k.Commented {
				t.Errorf("%s is not read in comments", k.Name)
			}
		case "system settings", "Windows registry", "values":
			if k.Commented {
				t.Errorf("%s is read in comments: what stands there is not in effect", k.Name)
			}
		}
	}
}
