package host

// SystemName is what people call a system, by its name in runtime.GOOS; "" for one
// that has no name here.
func SystemName(os string) string {
	switch os {
	case "linux":
		return "Linux"
	case "windows":
		return "Windows"
	case "darwin":
		return "macOS"
	case "freebsd":
		return "FreeBSD"
	}
	return ""
}
