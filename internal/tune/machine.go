package tune

import "errors"

// Errors that callers tell apart.
var (
	// ErrUnknownSetting is a setting that this package does not write.
	ErrUnknownSetting = errors.New("not a setting that sockeye changes")
	// ErrMissing is a setting that this kernel, or this namespace, does not have.
	ErrMissing = errors.New("this kernel has no such setting")
	// ErrChanged says that a value is no longer what the plan was made for.
	ErrChanged = errors.New("changed since the plan was made")
	// ErrNotTaken says that the kernel holds another value than was written.
	ErrNotTaken = errors.New("the kernel did not take the value")
	// ErrGone says that a network namespace has ended, and its settings with it.
	ErrGone = errors.New("the network namespace has ended")
	// ErrNotKept says that no file can keep a change over a restart.
	ErrNotKept = errors.New("no file keeps it over a restart")
)

// Machine holds settings. Values are without the line end; an empty list is "".
type Machine interface {
	// Space tells a namespace from one that has its inode later: zero-valued where
	// the system cannot tell. ErrGone when it has ended; another error where that
	// cannot be told.
	Space(netns uint64) (Space, error)
	// Home is the inode of the machine's own namespace, which a new kernel may number
	// anew; 0 where it cannot be told.
	Home() uint64
	// Get reads a setting; ErrMissing, ErrGone (also where another namespace has the
	// number by now), or the system's error.
	Get(s Space, name string) (string, error)
	// Set writes a setting; as Get.
	Set(s Space, name, value string) error
}

// Space is the identity of a network namespace.
type Space struct {
	NetNS  uint64 `json:"netns"`  // inode of nsfs; used again when it has ended
	Cookie uint64 `json:"cookie"` // SO_NETNS_COOKIE: never used twice between two starts; 0 unknown
	Boot   string `json:"boot"`   // /proc/sys/kernel/random/boot_id
	Host   bool   `json:"host"`   // the initial one
}
