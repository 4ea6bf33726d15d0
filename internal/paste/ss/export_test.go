package ss

// What tests from outside look into.
const (
	DumpHeader  = dumpHeader
	DumpFamily  = dumpFamily
	DumpMessage = dumpMessage
	DumpInfo    = dumpInfo
)

type Summary = summary
