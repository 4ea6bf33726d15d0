package diagnose

import "testing"

func TestHarmlessEnd(t *testing.T) {
	for name, want := range map[string]bool{
		"10.0.0.5:8080": true, "[2001:db8::1]:443": true, "db-1.example.com:3306": true,
		"": false, "-oProxyCommand=x:1": false, "a;reboot:80": false, "$(id):80": false, "a b:80": false,
	} {
		if harmlessEnd(name) != want {
			t.Errorf("harmlessEnd(%q), want %v", name, want)
		}
	}
}
