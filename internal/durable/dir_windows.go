package durable

import "os"

// syncDir: NTFS keeps renames in its own log, and directories cannot be flushed.
func syncDir(*os.Root, string) error { return nil }
