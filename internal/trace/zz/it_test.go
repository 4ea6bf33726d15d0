package zz
import ("testing";"time";"io";"github.com/cilium/ebpf";"github.com/cilium/ebpf/link")
func TestIt(t *testing.T){
	spec, err := ebpf.LoadCollectionSpec("../../collect/sockets_bpfel.o"); if err != nil { t.Fatal(err) }
	c, err := ebpf.NewCollection(spec); if err != nil { t.Fatal(err) }
	var p *ebpf.Program
	for n, x := range c.Programs { t.Log(n); p = x }
	l, err := link.AttachIter(link.IterOptions{Program: p}); if err != nil { t.Fatal(err) }
	n := 0
	for end := time.Now().Add(12*time.Second); time.Now().Before(end); n++ {
		r, err := l.Open(); if err != nil { t.Fatal(err) }
		io.Copy(io.Discard, r); r.Close()
	}
	t.Log(n)
}
