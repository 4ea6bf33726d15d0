package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// mapMemory is a BPF map or program that a process holds, as its descriptor's
// file under /proc/PID/fdinfo tells.
type mapMemory struct {
	id    string // "map 12", "prog 40"
	bytes int64  // what the kernel says it takes. Not in it: what SK_STORAGE keeps with each socket
}

// readFDInfo reads such a file; ok is false when it is of anything else.
func readFDInfo(r io.Reader) (m mapMemory, ok bool) {
	lines := bufio.NewScanner(r)
	var locked bool
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "map_id", "prog_id":
			// A program's file tells its own id first; a map of programs that of its owner.
			if m.id == "" {
				m.id = strings.TrimSuffix(name, "_id") + " " + value
			}
		case "memlock":
			n, err := strconv.ParseInt(value, 10, 64)
			m.bytes, locked = n, err == nil
		}
	}
	return m, m.id != "" && locked
}

// readSmaps adds up what is resident of a process, from /proc/PID/smaps, without
// the BPF maps that it has mapped: those are counted once already.
func readSmaps(r io.Reader) (bytes int64, err error) {
	lines := bufio.NewScanner(r)
	bpf := false
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0:
		case !strings.HasSuffix(fields[0], ":"): // 7f12…-7f13… rw-s 00000000 00:0f 1234 anon_inode:bpf-map
			bpf = fields[len(fields)-1] == "anon_inode:bpf-map"
		case fields[0] == "Rss:" && !bpf && len(fields) > 1:
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, err
			}
			bytes += kb << 10
		}
	}
	return bytes, lines.Err()
}

// readSlabinfo adds up the kernel's objects without a cache of their own, from
// /proc/slabinfo: among them is what BPF keeps with sockets, but not the sockets.
func readSlabinfo(r io.Reader) (bytes int64, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() { // name active_objs num_objs objsize …, see slabinfo(5)
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "kmalloc-") {
			continue
		}
		n, err1 := strconv.ParseInt(fields[1], 10, 64)
		size, err2 := strconv.ParseInt(fields[3], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		bytes += n * size
	}
	return bytes, lines.Err()
}

// footprint is what a tracer takes, in bytes.
type footprint struct {
	live, waiting int   // sockets that there were
	resident      int64 // its process, without the maps that it looks into
	maps          int64 // its maps and programs
	kept          int64 // kernel objects that went with it: what it keeps with the sockets
	available     int64 // memory that the machine got back when it ended: a check, as all that runs moves it
}

// total counts twice what a map tells of and allocates piece by piece, nothing
// not at all.
func (f *footprint) total() int64 { return f.resident + f.maps + max(f.kept, 0) }

// sumMaps adds up what different descriptors hold, each thing once.
func sumMaps(all []mapMemory) (bytes int64) {
	slices.SortFunc(all, func(a, b mapMemory) int { return strings.Compare(a.id, b.id) })
	for _, m := range slices.CompactFunc(all, func(a, b mapMemory) bool { return a.id == b.id }) {
		bytes += m.bytes
	}
	return bytes
}

func (f *footprint) print(w io.Writer) {
	fmt.Fprintf(w, "\nMemory of the tracer at %s live sockets and %s in TIME_WAIT, all made while it watched\n",
		thousands(f.live), thousands(f.waiting))
	for _, line := range []struct {
		what  string
		bytes int64
	}{
		{"process, resident", f.resident},
		{"BPF maps and programs", f.maps},
		{"kept with the sockets", f.kept},
		{"together", f.total()},
		{"given back at its end", f.available},
	} {
		fmt.Fprintf(w, "%-28s %8s\n", line.what, megabytes(line.bytes))
	}
}

// footprintMost is what the tracer may take at 100,000 sockets of each kind.
const footprintMost = 100e6

func (f *footprint) goal() goal {
	return goal{fmt.Sprintf("tracer at %s live + %s TIME_WAIT: at most 100 MB", thousands(f.live), thousands(f.waiting)),
		megabytes(f.total()), f.total() <= footprintMost}
}
