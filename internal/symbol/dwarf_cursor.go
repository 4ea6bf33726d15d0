package symbol

import (
	"bytes"
	"encoding/binary"
)

// cursor reads DWARF's encodings from memory. What goes past the end reads as
// zero and sets bad: callers check once, at the end of a unit of work.
type cursor struct {
	b     []byte
	pos   int
	order binary.ByteOrder
	bad   bool
}

func (c *cursor) left() int { return len(c.b) - c.pos }

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(c.left()) {
		c.bad = true
		return nil
	}
	b := c.b[c.pos : c.pos+int(n)]
	c.pos += int(n)
	return b
}

func (c *cursor) u8() uint8 {
	if c.bad || c.pos >= len(c.b) {
		c.bad = true
		return 0
	}
	c.pos++
	return c.b[c.pos-1]
}

func (c *cursor) u16() uint16 { return uint16(c.uint(2)) }

// uint reads an unsigned number of n bytes: 1, 2, 3, 4 or 8.
func (c *cursor) uint(n int) uint64 {
	b := c.take(uint64(n))
	if b == nil {
		return 0
	}
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(c.order.Uint16(b))
	case 3:
		if c.order == binary.BigEndian {
			return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
		}
		return uint64(b[2])<<16 | uint64(b[1])<<8 | uint64(b[0])
	case 4:
		return uint64(c.order.Uint32(b))
	case 8:
		return c.order.Uint64(b)
	}
	c.bad = true
	return 0
}

func (c *cursor) uleb() uint64 {
	if !c.bad && c.pos < len(c.b) && c.b[c.pos] < 0x80 {
		c.pos++
		return uint64(c.b[c.pos-1])
	}
	v, n := binary.Uvarint(c.b[min(c.pos, len(c.b)):])
	if c.bad || n <= 0 {
		c.bad = true
		return 0
	}
	c.pos += n
	return v
}

func (c *cursor) sleb() (v int64) {
	for shift := uint(0); shift < 64; shift += 7 {
		b := c.u8()
		v |= int64(b&0x7f) << shift
		if b&0x80 == 0 {
			if b&0x40 != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	c.bad = true
	return 0
}

func (c *cursor) text() string {
	i := bytes.IndexByte(c.b[min(c.pos, len(c.b)):], 0)
	if c.bad || i < 0 {
		c.bad = true
		return ""
	}
	s := c.b[c.pos : c.pos+i]
	c.pos += i + 1
	return string(s[:min(i, maxString)])
}

// length reads a unit_length: 32 bits, or 0xffffffff and 64 bits (DWARF 5,
// 7.4), and the size of offsets that follows from it.
func (c *cursor) length() (n uint64, offset int) {
	n = c.uint(4)
	if n == 0xffffffff {
		return c.uint(8), 8
	}
	if n >= 0xfffffff0 {
		c.bad = true
	}
	return n, 4
}
