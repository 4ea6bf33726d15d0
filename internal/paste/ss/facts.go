package ss

import (
	"bytes"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// facts are what follows a row's addresses, on its line or on those below.
type facts struct {
	timer    tcp.Timer
	timed    bool
	inode    uint64
	hasInode bool
	uid      uint32
	hasUID   bool
	cookie   uint64
	mark     uint32
	cgroup   []byte  // a copy
	owners   []int32 // ascending; nameless ones are negative
	named    bool    // there was a list of owners
	open     bool    // something in brackets has no end yet
	udp      bool    // of a UDP socket
	info     tcp.Info
	measured bool
}

func (f *facts) reset() {
	*f = facts{owners: f.owners[:0], cgroup: f.cgroup[:0]}
}

// known tells whether a word is one that ss writes behind or below a row.
func known(word []byte) bool {
	if colon := bytes.IndexByte(word, ':'); colon > 0 {
		return isKey(word[:colon])
	}
	switch string(word) {
	case "<->", "-->", "<--", "---", "ts", "sack", "ecn", "ecnseen", "ecn_low", "fastopen", "app_limited", "bidir",
		"cubic", "reno", "bbr", "bbr2", "bbr3", "dctcp", "htcp", "vegas", "westwood", "bic", "hybla", "illinois", "yeah",
		"veno", "scalable", "lp", "cdg", "nv", "highspeed", "pacing_rate", "delivery_rate", "send":
		return true
	}
	return false
}

func isKey(key []byte) bool {
	switch string(key) {
	case "users", "timer", "uid", "ino", "sk", "fwmark", "cgroup", "v6only", "opt", "skmem", "mem", "tos", "tclass",
		"class_id", "priority", "wscale", "rto", "backoff", "rtt", "ato", "qack", "mss", "pmtu", "rcvmss", "advmss", "cwnd",
		"ssthresh", "bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received", "segs_out", "segs_in", "data_segs_out",
		"data_segs_in", "bbr", "dctcp", "lastsnd", "lastrcv", "lastack", "delivered", "delivered_ce", "busy",
		"rwnd_limited", "sndbuf_limited", "unacked", "retrans", "lost", "sacked", "dsack_dups", "fackets", "reordering",
		"reord_seen", "rcv_rtt", "rcv_space", "rcv_ssthresh", "notsent", "minrtt", "rcv_ooopack", "snd_wnd", "rcv_wnd",
		"rehash", "md5keys", "inet-sockopt", "subflows", "locals", "peers", "tag", "state", "token", "rcv_nxt":
		return true
	}
	return false
}

// speaks tells whether a line holds such words, so that only ss can have
// written it there: any of an indented line, the first of another; or the second,
// behind the name of a congestion control that is not known here.
func speaks(text []byte, indented bool) bool {
	word, rest := cutWord(text)
	if known(word) {
		return true
	}
	if !indented {
		if len(word) == 0 || word[0] < 'a' || word[0] > 'z' || bytes.IndexByte(word, ':') >= 0 {
			return false
		}
		word, _ = cutWord(rest)
		return bytes.IndexByte(word, ':') > 0 && known(word)
	}
	for len(word) > 0 {
		if known(word) {
			return true
		}
		word, rest = cutWord(rest)
	}
	return false
}

// goesOn tells whether text whose first word was broken in two by the end of a
// line is ss's: the whole word is, and so is one behind it; or, where none is, it
// ends as ss's words end.
func goesOn(text []byte) bool {
	word, rest := cutWord(text)
	bandwidth := bytes.HasSuffix(word, []byte("bps")) && word[0] >= '0' && word[0] <= '9'
	if !known(word) && !bandwidth {
		return false
	}
	next, more := cutWord(rest)
	if len(next) == 0 {
		value := word[bytes.IndexByte(word, ':')+1:]
		for _, unit := range []string{"bps", "ms", ")"} {
			value = bytes.TrimSuffix(value, []byte(unit))
		}
		return len(value) == len(word) || len(value) > 0 && value[len(value)-1] >= '0' && value[len(value)-1] <= '9'
	}
	for len(next) > 0 {
		if known(next) {
			return true
		}
		next, more = cutWord(more)
	}
	return false
}

// read gathers facts. What was said first stands, for what comes later may be a
// control group's name, which is anybody's; measurements may be said again where
// a line was broken within a number.
//
// Owners become processes of b; nil: they do not.
func (f *facts) read(text []byte, b *form.Builder) {
	f.open = false
	for {
		text = bytes.TrimLeft(text, " \t")
		if len(text) == 0 {
			return
		}
		if !f.named && bytes.HasPrefix(text, []byte("users:(")) {
			text = f.users(text[len("users:("):], b)
			continue
		}
		var word []byte
		word, text = cutWord(text)
		colon := bytes.IndexByte(word, ':')
		if colon <= 0 {
			continue
		}
		value := word[colon+1:]
		switch string(word[:colon]) {
		case "timer":
			f.readTimer(value)
		case "ino":
			if n, ok := form.Decimal(value); ok && !f.hasInode {
				f.inode, f.hasInode = n, true
			}
		case "uid":
			if n, ok := form.Decimal(value); ok && !f.hasUID && n < 1<<32 {
				f.uid, f.hasUID = uint32(n), true
			}
		case "sk":
			if n, ok := form.Hexadecimal(value); ok && f.cookie == 0 {
				f.cookie = n
			}
		case "fwmark":
			if n, ok := form.Hexadecimal(bytes.TrimPrefix(value, []byte("0x"))); ok && f.mark == 0 && n < 1<<32 {
				f.mark = uint32(n)
			}
		case "cgroup":
			if len(f.cgroup) == 0 && len(value) > 1 && value[0] == '/' && len(value) <= 4096 {
				f.cgroup = append(f.cgroup[:0], value...)
			}
		case "skmem", "mem", "bbr":
			f.open = bytes.IndexByte(value, ')') < 0
		default:
			f.measure(word[:colon], value)
		}
	}
}
