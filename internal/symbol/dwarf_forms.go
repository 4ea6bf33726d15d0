package symbol

// Numbers of DWARF 5, section 7.5, as far as they are used.
const (
	tagInlined     = 0x1d
	tagSubprogram  = 0x2e
	tagLexical     = 0x0b
	tagTry         = 0x32
	tagCatch       = 0x25
	attrSibling    = 0x01
	attrName       = 0x03
	attrStmtList   = 0x10
	attrLow        = 0x11
	attrHigh       = 0x12
	attrDir        = 0x1b
	attrOrigin     = 0x31
	attrSpec       = 0x47
	attrRanges     = 0x55
	attrCallFile   = 0x58
	attrCallLine   = 0x59
	attrLinkage    = 0x6e
	attrMIPSName   = 0x2007 // linkage name before DWARF 4
	attrStrOffsets = 0x72
	attrAddrBase   = 0x73
	attrRngLists   = 0x74
)

// Forms of attributes.
const (
	formAddr        = 0x01
	formString      = 0x08
	formStrp        = 0x0e
	formRefAddr     = 0x10
	formRefUdata    = 0x15
	formSecOffset   = 0x17
	formStrx        = 0x1a
	formAddrx       = 0x1b
	formLineStrp    = 0x1f
	formRnglistx    = 0x23
	formStrx1       = 0x25
	formStrx4       = 0x28
	formAddrx1      = 0x29
	formAddrx4      = 0x2c
	formRef1        = 0x11
	formRef4        = 0x13
	formIndirect    = 0x16
	formImplicit    = 0x21
	formFlagPresent = 0x19
)

// value is an attribute as it stands in the file; what an offset or an index
// means is found out only when it is asked for.
type value struct {
	form uint16
	u    uint64
	s    string // formString
	set  bool
}

// form reads the value of an attribute. ok is false for a form that is unknown:
// then nothing behind it can be read either.
func (c *cursor) form(form uint16, implicit int64, offset, address int, version uint16) (v value, ok bool) {
	v = value{form: form, set: true}
	switch form {
	case formAddr:
		v.u = c.uint(address)
	case 0x0b, 0x0c, formRef1, formStrx1, formAddrx1: // data1, flag
		v.u = c.uint(1)
	case 0x05, 0x12, 0x26, 0x2a: // data2, ref2, strx2, addrx2
		v.u = c.uint(2)
	case 0x27, 0x2b: // strx3, addrx3
		v.u = c.uint(3)
	case 0x06, formRef4, 0x1c, formStrx4, formAddrx4: // data4, ref_sup4
		v.u = c.uint(4)
	case 0x07, 0x14, 0x20, 0x24: // data8, ref8, ref_sig8, ref_sup8
		v.u = c.uint(8)
	case 0x1e: // data16
		c.take(16)
	case 0x0d: // sdata
		v.u = uint64(c.sleb())
	case 0x0f, formRefUdata, formStrx, formAddrx, 0x22, formRnglistx, 0x1f01, 0x1f02: // udata, loclistx, GNU_addr_index, GNU_str_index
		v.u = c.uleb()
	case formStrp, formSecOffset, formLineStrp, 0x1d, 0x1f20, 0x1f21: // strp_sup, GNU_ref_alt, GNU_strp_alt
		v.u = c.uint(offset)
	case formRefAddr:
		if version <= 2 {
			offset = address
		}
		v.u = c.uint(offset)
	case formString:
		v.s = c.text()
	case 0x0a: // block1
		c.take(c.uint(1))
	case 0x03: // block2
		c.take(c.uint(2))
	case 0x04: // block4
		c.take(c.uint(4))
	case 0x09, 0x18: // block, exprloc
		c.take(c.uleb())
	case formFlagPresent:
		v.u = 1
	case formImplicit:
		v.u = uint64(implicit)
	case formIndirect:
		if real := c.uleb(); real != formIndirect && real != formImplicit && real <= 0xffff {
			return c.form(uint16(real), 0, offset, address, version)
		}
		c.bad = true
	default:
		c.bad = true
	}
	return v, !c.bad
}

// abbrev is the shape of an entry.
type abbrev struct {
	tag      uint16
	children bool
	attrs    []abbrevAttr
}

type abbrevAttr struct {
	name, form uint16
	implicit   int64
}

const (
	maxAbbrevs     = 1 << 16
	maxAbbrevBytes = 1 << 20
	maxAttrs       = 256 // of one shape; compilers use some twenty
)

// readAbbrevs reads the table of shapes at an offset; with only != 0 not beyond that one.
func (d *dwarf) readAbbrevs(off uint64, only uint64) (map[uint64]*abbrev, bool) {
	for size := 4 << 10; ; size *= 16 {
		c := &cursor{b: d.abbrev.at(off, size), order: d.order}
		table := parseAbbrevs(c, only)
		if !c.bad {
			return table, true
		}
		if len(c.b) < size || size >= maxAbbrevBytes {
			return nil, false
		}
	}
}

func parseAbbrevs(c *cursor, only uint64) map[uint64]*abbrev {
	table := map[uint64]*abbrev{}
	for !c.bad && len(table) < maxAbbrevs {
		code := c.uleb()
		if code == 0 {
			return table
		}
		a := &abbrev{tag: uint16(c.uleb()), children: c.u8() != 0}
		for !c.bad {
			attr := abbrevAttr{name: uint16(c.uleb()), form: uint16(c.uleb())}
			if attr.form == formImplicit {
				attr.implicit = c.sleb()
			}
			if attr.name == 0 && attr.form == 0 {
				break
			}
			if a.attrs = append(a.attrs, attr); len(a.attrs) > maxAttrs {
				c.bad = true // some forms take no bytes: each entry would cost as much as it likes
			}
		}
		table[code] = a
		if code == only {
			return table
		}
	}
	c.bad = true
	return nil
}
