package diagnose

// errnoNames are the errnos that findings mention.
var errnoNames = map[uint32]string{
	errPERM: "EPERM", errACCES: "EACCES", errNFILE: "ENFILE", errMFILE: "EMFILE",
	errADDRINUSE: "EADDRINUSE", errADDRNOTAVAIL: "EADDRNOTAVAIL", errNETUNREACH: "ENETUNREACH",
	errNOBUFS: "ENOBUFS", errTIMEDOUT: "ETIMEDOUT", errCONNREFUSED: "ECONNREFUSED", errHOSTUNREACH: "EHOSTUNREACH",
	errINVAL: "EINVAL", errNOMEM: "ENOMEM", errCONNRESET: "ECONNRESET",
}

// Further errnos of connect(): a blackhole route, no memory, and a reset.
const (
	errNOMEM     = 12
	errINVAL     = 22
	errCONNRESET = 104
)

// errnoName names an errno, "" when no finding speaks of it.
func errnoName(errno uint32) string { return errnoNames[errno] }
