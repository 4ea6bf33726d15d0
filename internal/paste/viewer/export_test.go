package viewer

// What tests from outside look into.
var (
	PowershellRowBegins = powershellRowBegins
	TasklistRowBegins   = tasklistRowBegins
)
