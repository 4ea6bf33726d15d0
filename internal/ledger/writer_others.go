//go:build !linux && !windows

package ledger

// thisProcess is not told apart here.
func thisProcess() *Writer { return nil }

func (*Writer) gone() bool { return false }

func (*Writer) there() bool { return false }
