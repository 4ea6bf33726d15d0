package netstat

// What tests from outside look into.
const WindowsName = windowsName
