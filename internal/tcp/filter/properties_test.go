package filter

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sockeye/internal/tcp"
)

var exported = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func anyAddr(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "v4") {
		return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "a4")))
	}
	return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "a16"))).Unmap()
}

// anyExpr draws trees as the parser makes them.
func anyExpr(depth int) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		pick := rapid.IntRange(0, 11).Draw(t, "kind")
		if depth == 0 && pick > 8 {
			pick -= 3
		}
		switch pick {
		case 0:
			set := states(rapid.Uint16().Draw(t, "states")) & allStates
			if set&synRecv != 0 {
				set |= synRecv
			}
			if set&(1<<tcp.Unknown) != 0 && rapid.Bool().Draw(t, "known") {
				set &^= 1 << tcp.Unknown
			}
			return set
		case 1:
			h := host{remote: rapid.Bool().Draw(t, "remote"), op: rapid.SampledFrom(equalOps).Draw(t, "op")}
			switch rapid.IntRange(0, 4).Draw(t, "address") {
			case 0:
				h.name = "localhost"
			case 1:
				h.network = netip.PrefixFrom(netip.MustParseAddr("fe80::1"), 128)
				h.zone = rapid.SampledFrom([]string{"eth0", "2", "a b", "x=1", "\x00"}).Draw(t, "zone")
			case 2:
				h.family = rapid.SampledFrom([]uint8{4, 6}).Draw(t, "family")
			default:
				a := anyAddr(t)
				h.network = netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")).Masked()
			}
			if h.hasPort = rapid.Bool().Draw(t, "hasPort"); h.hasPort {
				h.port = rapid.Uint16().Draw(t, "port")
			}
			return h
		case 2:
			return port{rapid.Bool().Draw(t, "remote"), rapid.SampledFrom(orderOps).Draw(t, "op"), rapid.Uint16().Draw(t, "port")}
		case 3:
			return aged{rapid.SampledFrom(orderOps).Draw(t, "op"), time.Duration(rapid.Int64Range(0, 1<<62).Draw(t, "d"))}
		case 4:
			return marked{rapid.SampledFrom(equalOps).Draw(t, "op"), rapid.Uint32().Draw(t, "mark"), rapid.Uint32().Draw(t, "mask")}
		case 5:
			return number{numberField(rapid.IntRange(0, len(numberNames)-1).Draw(t, "field")), rapid.SampledFrom(orderOps).Draw(t, "op"), rapid.Uint64().Draw(t, "value")}
		case 6:
			return autobound{}
		case 7, 8:
			f := nameField(rapid.IntRange(0, len(nameNames)-1).Draw(t, "field"))
			value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "and", "LE", "not", "a b", "7", "web", "worker-2", "root"}),
				rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "name")
			if f == closer {
				value = rapid.SampledFrom([]string{"local", "peer"}).Draw(t, "side")
			}
			return named(f, rapid.SampledFrom(opsOf(nameNames[f])).Draw(t, "op"), value)
		case 9:
			return not{anyExpr(depth-1).Draw(t, "x")}
		case 10:
			return conjoin(rapid.SliceOfN(anyExpr(depth-1), 2, 3).Draw(t, "and"))
		}
		return disjoin(rapid.SliceOfN(anyExpr(depth-1), 2, 3).Draw(t, "or"))
	})
}

func TestPrintThenParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyExpr(3).Draw(t, "e")
		got, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%s\n%v", e, err)
		}
		if diff := cmp.Diff(e, got, exported); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", e, diff)
		}
	})
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyExpr(2).Draw(t, "a"), anyExpr(2).Draw(t, "b")
		and, or, notA := conjoin([]Expr{a, b}), disjoin([]Expr{a, b}), not{a}
		deMorgan := not{disjoin([]Expr{not{a}, not{b}})}
		for name, s := range sockets {
			sub := &Subject{Socket: &s, Names: world{}}
			x, y := a.Match(sub), b.Match(sub)
			if and.Match(sub) != (x && y) || or.Match(sub) != (x || y) || notA.Match(sub) == x || deMorgan.Match(sub) != (x && y) {
				t.Fatalf("%s: %s | %s", name, a, b)
			}
		}
	})
}

// TestLoosenSelectsMore: whatever the answers to the words are.
func TestLoosenSelectsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyExpr(3).Draw(t, "e")
		word := rapid.SampledFrom(nameNames[:]).Draw(t, "word")
		looser := Loosen(e, word)
		if !Uses(e, word) {
			if diff := cmp.Diff(e, looser, exported); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", e, diff)
			}
		}
		for name, s := range sockets {
			sub := &Subject{Socket: &s, Names: world{}}
			if e.Match(sub) && !looser.Match(sub) {
				t.Fatalf("%s: %s does not select what %s does", name, looser, e)
			}
		}
	})
}

// FuzzPlace: whatever is asked of whatever a stranger's binary says of itself;
// what list and the doctor print of it selects it.
func FuzzPlace(f *testing.F) {
	f.Add("github.com/acme/shop/dao.(*Store).Query", "/src/shop/dao/store.go", 88, "dao.(*Sto…(store.go:88)")
	f.Add("b.Map[github.com/x/y.T]", "", 0, "y.T]")
	f.Add("Ratio::operator/", "r.cc", -1, "(")
	f.Fuzz(func(t *testing.T, function, file string, line int, value string) {
		for _, o := range nameOps {
			named(code, o, value).isPlace(function, file, line)
		}
		if strings.HasPrefix(function, "[") || function == "" {
			return
		}
		for _, place := range []string{file, file[strings.LastIndexByte(file, '/')+1:]} {
			printed := function
			if place != "" {
				printed += " (" + withLine(place, line) + ")"
			}
			for _, o := range []op{eq, has} {
				if !named(code, o, printed).isPlace(function, file, line) {
					t.Fatalf("%q does not select %q %q %d", printed, function, file, line)
				}
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"", "state time-wait dst 10.0.0.0/8", "( dport = :443 or sport = :22 )", "exclude listen not process 'a b'",
		"dst [2001:db8::/32]:80 and age > 5m", `process ~ "\x1b" | pid != 3 && !uid 0`, "src fe80::1%eth0", "fwmark 1/0xff",
		"((((", "dst ::1:80", "state", "dport =>", `container \`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, err := Parse(line)
		if err != nil {
			_ = err.Error()
			return
		}
		again, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%q prints %q, which fails: %v", line, e, err)
		}
		if diff := cmp.Diff(e, again, exported); diff != "" {
			t.Fatalf("%q (-first +again):\n%s", line, diff)
		}
		if matching(e) != matching(again) {
			t.Fatalf("%q and %q select differently", line, e)
		}
	})
}
