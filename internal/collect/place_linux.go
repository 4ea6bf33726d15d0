package collect

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
