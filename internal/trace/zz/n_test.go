package zz
import ("testing";"time";"fmt";"os";"strings";"sort";"strconv";"bytes";"github.com/cilium/ebpf/link")
func TestN(t *testing.T){
	var o nObjects
	if err := loadNObjects(&o,nil); err!=nil { t.Fatal(err)}
	l1,err := link.AttachTracing(link.TracingOptions{Program:o.StateChange}); if err!=nil{t.Fatal(err)}
	l2,err := link.AttachTracing(link.TracingOptions{Program:o.Witness}); if err!=nil{t.Fatal(err)}
	time.Sleep(25*time.Second)
	l1.Close(); l2.Close()
	s,_ := o.StateChange.Stats(); fmt.Println("misses", s.RecursionMisses)
	ks,_ := os.ReadFile("/proc/kallsyms"); type sym struct{a uint64;n string}; var syms []sym
	for _, l := range strings.Split(string(ks),"\n"){ f:=strings.Fields(l); if len(f)>2 { a,_:=strconv.ParseUint(f[0],16,64); syms=append(syms,sym{a,f[2]}) } }
	sort.Slice(syms,func(i,j int)bool{return syms[i].a<syms[j].a})
	var k nNk; var v uint64
	it := o.Nested.Iterate()
	for it.Next(&k,&v){
		fmt.Println(v, "outer",k.OuterFrom,k.OuterTo,"inner",k.From,k.To,string(bytes.Trim(k.Comm[:],"\x00")), k.Stack)
		var st [127]uint64
		o.Stacks.Lookup(uint32(k.Stack),&st)
		for _,a := range st { if a==0{break}; i:=sort.Search(len(syms),func(i int)bool{return syms[i].a>a}); if i>0 {fmt.Print(" ",syms[i-1].n)} }
		fmt.Println()
	}
}
