package diagnose

import (
	"net/netip"

	"sockeye/internal/host"
)

// rules lists every rule, in the catalogue's order. One file per finding holds
// the rule, its thresholds and why they are what they are.
func rules() []rule {
	return []rule{
		// limits
		portExhaustion, sharedPortExhaustion, bindPortExhaustion, portRangeNarrow,
		fdExhaustion, fileTableFull, acceptQueueOverflow, synQueuePressure, timeWaitBucketsFull,
		excludedPortRange, orphanLimit, tcpMemoryPressure, conntrackFull, neighbourTableFull, memoryOrDiskLow, udpPortExhaustion,
		// behaviours
		shortLivedConnections,
		closeWaitLeak, neverAccepted, finWait2Held, halfOpenConnections, connectionLeak, unconnectedSocketLeak,
		slowReader, slowPeer, stuckClosing, lingerReset, applicationCap, suspiciousProcess, proxiedTwice,
		unreachableDestination, connectionScan, retryStorm, natExhaustion, addressInUse, servicePortTaken,
		selfConnect, addressNotLocal, blockedByPolicy, timeWaitStuck,
		// settings
		harmfulSetting,
	}
}

// Linux errno values that rules ask for, as the contract of host.Failure has
// them on every system (asm-generic/errno-base.h and errno.h).
const (
	errPERM         = 1
	errACCES        = 13
	errNFILE        = 23
	errMFILE        = 24
	errADDRINUSE    = 98
	errADDRNOTAVAIL = 99
	errNETUNREACH   = 101
	errNOBUFS       = 105
	errTIMEDOUT     = 110
	errCONNREFUSED  = 111
	errHOSTUNREACH  = 113
)

// noAddr matches every address in failures.
var noAddr netip.AddrPort

// failures returns the failed calls of one kind that were seen in a namespace.
// An invalid addr matches every address, errno 0 every errno.
func (x *examination) failures(ns uint64, call string, errno uint32, addr netip.AddrPort) (list []host.Failure, count uint64) {
	if x.seen == nil {
		return nil, 0
	}
	for _, f := range x.seen.Failures {
		if f.NetNS == ns && f.Call == call && (errno == 0 || f.Errno == errno) && (!addr.IsValid() || f.Addr == addr) {
			list = append(list, f)
			count += f.Count
		}
	}
	return list, count
}
