//go:build !windows

package tune

// systemSettings are those of one system alone.
func systemSettings() []Setting { return nil }
