package zz
import ("testing";"time";"fmt";"github.com/cilium/ebpf";"github.com/cilium/ebpf/link")
func TestW(t *testing.T){
	seen := map[string]int{}
	for end := time.Now().Add(40*time.Second); time.Now().Before(end); time.Sleep(10*time.Millisecond) {
		it := new(link.Iterator)
		for it.Next() {
			i, err := it.Link.Info(); if err != nil { continue }
			p, err := ebpf.NewProgramFromID(i.Program); n := ""; if err == nil { pi, e := p.Info(); if e == nil { n = pi.Name }; p.Close() }
			seen[fmt.Sprint(i.Type, " ", n)]++
		}
		it.Close()
		for id, err := ebpf.ProgramGetNextID(0); err == nil; id, err = ebpf.ProgramGetNextID(id) { p, e := ebpf.NewProgramFromID(id); if e == nil { pi, e := p.Info(); if e == nil { seen[fmt.Sprint("prog ", pi.Type, " ", pi.Name)]++ }; p.Close() } }
	}
	fmt.Println(seen)
}
