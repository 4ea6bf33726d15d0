package host

// System is what all namespaces of a machine share.
type System struct {
	Settings Settings // fs.file-max, net.ipv4.tcp_mem, net.ipv4.tcp_max_orphans, net.ipv4.neigh.default.gc_thresh*

	FilesOpen   Opt // file-nr, first field less the second: handles in use
	TCPAlloc    Opt // sockstat alloc: TCP sockets allocated, host-wide
	TCPOrphans  Opt // sockstat orphan, host-wide
	TCPMemPages Opt // sockstat mem, pages, host-wide
	PageSize    uint64

	Neighbours []NeighbourTable
	Memory     Memory
	Disks      []Disk
	Conntrack  ConntrackStats
}

// NeighbourTable is the ARP (IPv4) or neighbour discovery (IPv6) table, one for
// the whole host whatever the namespaces.
type NeighbourTable struct {
	Family  string // "ipv4" or "ipv6"
	Entries Opt
	Full    Opt // table_fulls of /proc/net/stat/{arp,ndisc}_cache, since boot
}

// ConntrackStats are the packets that connection tracking gave up on, since
// boot, all CPUs together (/proc/net/stat/nf_conntrack). They are counted per
// namespace; these are of the namespace Sockeye runs in.
type ConntrackStats struct {
	InsertFailed Opt
	Drop         Opt
	EarlyDrop    Opt
}

// Memory is the machine's memory in bytes.
type Memory struct {
	Total, Available, SwapTotal, SwapFree Opt
}

// Disk is a mounted file system that programs write to, in bytes.
type Disk struct {
	Mount            string
	Size, Free       uint64 // Free: to programs that are not root; Size: that and what is used, without what is kept for root
	Inodes, InodesOK uint64 // all and free; 0 and 0 where the file system has none
}
