package collect

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// readOwnersIter goes through the descriptors of every process of the host with
// a BPF iterator (iter/task_file, bpf_sock_from_file: Linux 5.11), at a tenth of
// the price of reading the links in /proc/*/fd.
func (s *iterSource) readOwners(ctx context.Context, buf []byte) (*owners, error) {
	if !inInitialPIDNS() {
		return nil, fmt.Errorf("%w: BPF counts processes of the whole host, /proc those of a pid namespace", errors.ErrUnsupported)
	}
	spec, err := loadOwners()
	if err != nil {
		return nil, err
	}
	it, err := newIterator(spec, ownersProgOwners, s.cache)
	if err != nil {
		return nil, err
	}
	defer it.close()
	o := newOwners("bpf-iter")
	err = it.records(ctx, buf, fileRecordSize, func(b []byte) error {
		rec, err := parseFileRecord(b)
		if err != nil {
			return err
		}
		o.note(&rec)
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.turn()
	return o, nil
}

// note takes up one descriptor.
func (o *owners) note(r *fileRecord) {
	pid := int32(r.Pid)
	if r.Protocol == unix.IPPROTO_UDP {
		o.udp[pid]++
		return
	}
	if _, known := o.places[uint64(r.Netns)]; !known {
		o.places[uint64(r.Netns)] = pid
	}
	o.hold(r.Inode, pid)
	if r.State == uint8(tcp.Closed) {
		o.loose = append(o.loose, r.loose())
	}
}
