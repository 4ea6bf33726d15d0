package ss

import (
	"bytes"
	"math"
	"slices"

	"sockeye/internal/paste/form"
)

// nameMax is how long a process' name can be: TASK_COMM_LEN less its end
// (include/linux/sched.h). Where letters were translated it takes more bytes.
const (
	nameMax     = 15
	nameMaxWide = 63
	contextMax  = 1024 // bytes of a security context that are looked through
)

// users reads the owners, from behind "users:(", and returns what follows them:
//
//	("java",pid=1234,fd=56),("x",pid=2,fd=3))            since 4.0
//	("java",1234,56))                                    before
//	("java",pid=1234,proc_ctx=a:b:c,fd=56))              -Z
//
// A program chooses its name, quotes and all. But within 15 bytes it cannot write
// `",pid=1,fd=1),("`, only all of it but the last quote: where this stands, and no
// pid follows at once, one owner ends and another begins. Of several places where
// the list may end the last that the name's length allows is the right one.
func (f *facts) users(text []byte, b *form.Builder) (rest []byte) {
	f.named = true
	defer func() {
		slices.Sort(f.owners)
		f.owners = slices.Compact(f.owners)
	}()
	for {
		if !bytes.HasPrefix(text, []byte(`("`)) {
			f.open = len(text) < 2
			return text
		}
		text = text[2:]
		name, pid, after, last, ok := ownerIn(text, nameMax)
		if !ok {
			name, pid, after, last, ok = ownerIn(text, nameMaxWide)
		}
		if !ok {
			f.open = true
			return nil
		}
		f.own(name, pid, b)
		if last {
			return after
		}
		text = after
	}
}

// ownerIn reads an owner from its name on. after is the next owner, or, when it
// was the last one, what follows the list.
func ownerIn(text []byte, longest int) (name []byte, pid int32, after []byte, last, ok bool) {
	for at := 0; at <= longest && at < len(text); at++ {
		if text[at] != '"' {
			continue
		}
		p, tail, is := ownerTail(text[at+1:])
		if !is {
			continue
		}
		switch {
		case bytes.HasPrefix(tail, []byte(`,("`)):
			if _, _, forged := ownerTail(tail[3:]); !forged {
				return text[:at], p, tail[1:], false, true
			}
			if !ok { // the quote ends a name, or a name begins in a strange way
				name, pid, after, last, ok = text[:at], p, tail[1:], false, true
			}
		case len(tail) > 0 && tail[0] == ')' && (len(tail) == 1 || tail[1] == ' ' || tail[1] == '\t'):
			name, pid, after, last, ok = text[:at], p, tail[1:], true, true
		case len(tail) == 0 || len(tail) == 1 && tail[0] == ',' || string(tail) == ",(":
			// Cut off here: this one is whole, and the next may follow.
			name, pid, after, last, ok = text[:at], p, tail[len(tail):], false, true
		}
	}
	return name, pid, after, last, ok
}

// ownerTail reads what follows an owner's name: ",pid=1234,fd=56)". pid is 0
// where it was made unreadable on purpose.
func ownerTail(text []byte) (pid int32, rest []byte, ok bool) {
	if text, ok = bytes.CutPrefix(text, []byte(",")); !ok {
		return 0, nil, false
	}
	text, modern := bytes.CutPrefix(text, []byte("pid="))
	if pid, text, ok = readPID(text, modern); !ok {
		return 0, nil, false
	}
	if !modern {
		if text, ok = bytes.CutPrefix(text, []byte(",")); ok {
			text, ok = digits(text)
		}
		if ok {
			text, ok = bytes.CutPrefix(text, []byte(")"))
		}
		return pid, text, ok
	}
	if thread, is := bytes.CutPrefix(text, []byte(",tid=")); is {
		if text, ok = digits(thread); !ok {
			return 0, nil, false
		}
	}
	if bytes.HasPrefix(text, []byte(",proc_ctx=")) {
		at := bytes.Index(text[:min(len(text), contextMax)], []byte(",fd="))
		if at < 0 {
			return 0, nil, false
		}
		text = text[at:]
	}
	if text, ok = bytes.CutPrefix(text, []byte(",fd=")); !ok {
		return 0, nil, false
	}
	if text, ok = digits(text); !ok {
		return 0, nil, false
	}
	if bytes.HasPrefix(text, []byte(",sock_ctx=")) {
		at := bytes.IndexByte(text[:min(len(text), contextMax)], ')')
		if at < 0 {
			return 0, nil, false
		}
		text = text[at:]
	}
	text, ok = bytes.CutPrefix(text, []byte(")"))
	return pid, text, ok
}

// readPID reads a pid; one that was masked ("XXXX", "***") is 0.
func readPID(text []byte, mayHide bool) (pid int32, rest []byte, ok bool) {
	if rest, ok = digits(text); ok {
		n, _ := form.Decimal(text[:len(text)-len(rest)])
		if n > math.MaxInt32 {
			return 0, nil, false
		}
		return int32(n), rest, true
	}
	n := 0
	for n < len(text) && n < 10 && bytes.IndexByte([]byte("Xx*#?"), text[n]) >= 0 {
		n++
	}
	return 0, text[n:], mayHide && n > 0
}

// digits cuts digits off; false when there are none.
func digits(text []byte) (rest []byte, ok bool) {
	n := 0
	for n < len(text) && n < 19 && (text[n] >= '0' && text[n] <= '9' || n == 0 && text[n] == '-') {
		n++
	}
	return text[n:], n > 0
}

// own notes an owner; it becomes a process of b unless that is nil.
func (f *facts) own(name []byte, pid int32, b *form.Builder) {
	if b != nil {
		switch p := b.Processes[pid]; {
		case pid <= 0:
			pid = b.Nameless(string(name)).PID
		case p == nil || p.Name != string(name):
			b.Process(pid, string(name))
		}
	}
	f.owners = append(f.owners, pid)
}
