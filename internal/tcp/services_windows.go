package tcp

import (
	"os"
	"path/filepath"
)

// ServicesFile is where the system keeps its service names.
func ServicesFile() string {
	return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "services")
}
