package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// keepFromPipeDeath lets a write to a closed pipe fail (EPIPE) instead of ending
// the process, as the runtime does for stdout: whoever is attached to the kernel
// has to let go first. The function that it returns takes it back.
func keepFromPipeDeath() (restore func()) {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}
