package collect

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

func netnsOf(name string) (uint64, bool, error) {
	if name == "" || name == "all" {
		return 0, false, nil
	}
	self, err := openOwn()
	if err != nil {
		return 0, false, err
	}
	defer self.Close()
	all, err := findNamespaces(self)
	if err != nil {
		return 0, false, err
	}
	chosen, err := selectNamespaces(all, name)
	if err != nil {
		return 0, false, err
	}
	return chosen[0].inode, true, nil
}

func seesAllProcesses() bool { return inInitialPIDNS() }

func resident(netns uint64) (pid int32, name string) {
	self, err := openOwn()
	if err != nil {
		return 0, ""
	}
	defer func() { _ = self.Close() }()
	all, _ := findNamespaces(self)
	if i := slices.IndexFunc(all, func(ns *namespace) bool { return ns.inode == netns }); i >= 0 {
		return all[i].pid, all[i].name
	}
	return 0, ""
}

func inNetNS(inode uint64, do func() error) error {
	v, err := newVisitor()
	if err != nil {
		return err
	}
	defer v.leave()
	all, err := findNamespaces(v.home)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(all, func(ns *namespace) bool { return ns.inode == inode }); i >= 0 {
		err = v.enter(all[i])
	} else {
		err = v.enterHidden(inode)
	}
	switch {
	case err == nil:
		return do()
	case errors.Is(err, ErrNotPermitted):
		return err
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("network namespace %d: %w", inode, ErrNotPermitted)
	case gone(err):
		return fmt.Errorf("%w: %d", ErrUnknownNetNS, inode)
	default:
		return err
	}
}
