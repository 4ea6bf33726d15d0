// Package trace watches TCP at work in the kernel: for as long as a Watcher is
// open it counts who connects where and which socket calls fail, with their errno.
//
// In: the running kernel, through two BPF programs that nothing else can see.
// Out: a host.Activity.
//
// Counting begins with Watch: a connection whose SYN left before has no opener
// here, and when it fails later nobody is blamed. The state changes are seen
// whoever makes them; of the calls that fail at once, those made through
// io_uring, by sendto with MSG_FASTOPEN and by 32-bit programs are not.
package trace

import (
	"errors"
	"fmt"
)

// ErrNotSupported says that TCP cannot be watched here; what is lacking is one
// of the errors below, which wrap it. An error that is not ErrNotSupported means
// that it could not be found out, and another attempt may succeed.
var ErrNotSupported = errors.New("watching TCP in the kernel is not supported here")

// What Watch may find lacking. All of them are ErrNotSupported too.
var (
	ErrNoPrivilege  = fmt.Errorf("%w: it needs root, or CAP_BPF and CAP_PERFMON", ErrNotSupported)
	ErrNoBTF        = fmt.Errorf("%w: the kernel carries no type information (CONFIG_DEBUG_INFO_BTF)", ErrNotSupported)
	ErrNoTracepoint = fmt.Errorf("%w: the kernel lacks a tracepoint", ErrNotSupported)
	ErrOldKernel    = fmt.Errorf("%w: it needs Linux 5.12 or newer", ErrNotSupported)
)

// ErrStopped says that the Watcher was stopped before.
var ErrStopped = errors.New("the watcher has stopped")
