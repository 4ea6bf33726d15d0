//go:build !windows

package tcp

// ServicesFile is where the system keeps its service names, services(5).
func ServicesFile() string { return "/etc/services" }
