package paste_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
)

// What no program printed is refused as a whole, and not combed for rows.
func TestNoText(t *testing.T) {
	noise := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise) // it never fails
	row := "tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n"
	for name, text := range map[string][]byte{
		"noise":                 noise,
		"its beginning":         noise[:400],
		"zero bytes for blanks": bytes.ReplaceAll([]byte(row+row), []byte(" "), []byte{0}),
		"four bytes for each":   bytes.Join(bytes.SplitAfter([]byte(row), nil), []byte{0, 0, 0}),
	} {
		if p, err := paste.Read(t.Context(), bytes.NewReader(text), paste.Options{}); !errors.Is(err, paste.ErrNoText) {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
	for name, text := range map[string]string{
		"a log with a hole before it": strings.Repeat("\x00", 100_000) + "\n" + row,
		"a terminal's colours":        "\x1b[32mtcp\x1b[0m        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n",
		"a progress bar":              strings.Repeat("\b\b\b 12%", 100) + "\r\n" + row,
		"Latin-1":                     "\xe4\xf6\xfc\xdf \xe9t\xe9\n" + row,
	} {
		if p, err := paste.Read(t.Context(), strings.NewReader(text), paste.Options{}); err != nil || len(p.Snapshot.Sockets) != 1 {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
	// Where only the middle is noise, no line of it begins a part.
	text := strings.Repeat("prose\n", 20_000) + "\"a\x01\"=dword:00\x02\x03\x04\n"
	if p, other := pastetest.Given(t, text); len(p.Parts) > 0 || len(other) != 20_001 {
		t.Errorf("parts %+v", p.Parts)
	}
}

// A damaged file gives what stands before the damage, without the row that it cuts.
func TestDamaged(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("Proto Recv-Q Send-Q Local Address           Foreign Address         State\n")
	for port := range 8000 {
		fmt.Fprintf(&text, "tcp        0      0 192.0.2.10:%d        198.51.100.4:3306       TIME_WAIT\n", 10000+port)
	}
	whole := gzipOf(t, text.Bytes())
	wrong := bytes.Clone(whole)
	wrong[len(wrong)-6] ^= 1 // its checksum
	for name, file := range map[string][]byte{"half": whole[:len(whole)/2], "wrong": wrong, "two, the second is none": append(bytes.Clone(whole), "\x1f\x8b and more"...)} {
		s := paste.NewSession(paste.Options{})
		if err := s.Stream(t.Context(), bytes.NewReader(file), "a.gz", nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p := s.Done()
		if n := len(p.Snapshot.Sockets); n < 3000 || !p.Parts[0].Cut || !pastetest.BlindTo(p, "paste-damaged", "a.gz") || pastetest.BlindTo(p, "paste-cut", p.Parts[0].Kind) {
			t.Errorf("%s: %d sockets, parts %+v, blind spots %+v", name, n, p.Parts, p.Snapshot.BlindSpots)
		}
		for i := range p.Snapshot.Sockets {
			if sk := p.Snapshot.Sockets[i]; sk.Remote.Port() != 3306 || int(sk.Local.Port()) != 10000+i {
				t.Fatalf("%s: row %d is %v", name, i, sk)
			}
		}
	}
	if err := paste.NewSession(paste.Options{}).Stream(t.Context(), bytes.NewReader(whole[:12]), "", nil); !errors.Is(err, paste.ErrArchive) {
		t.Errorf("nothing could be read of it, and %v", err)
	}
}

// What comes through a pipe is unpacked as a file is, if it is not too large to be
// kept for a second look.
func TestStream(t *testing.T) {
	tarred, zipped := paste.TarOf(t, paste.Report()), zipOf(t, paste.Report())
	for name, stream := range map[string][]byte{"tar": tarred, "tar.gz": gzipOf(t, tarred), "zip": zipped} {
		var other []string
		s := paste.NewSession(paste.Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
		if err := s.Stream(t.Context(), onlyReader{bytes.NewReader(stream)}, "", nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkReport(t, s.Done(), other)
	}
	for name, stream := range map[string][]byte{"text": []byte(sample.ProcLittle), "text.gz": gzipOf(t, []byte(sample.ProcLittle))} {
		s := paste.NewSession(paste.Options{})
		if err := s.Stream(t.Context(), onlyReader{bytes.NewReader(stream)}, "", nil); err != nil || len(s.Done().Snapshot.Sockets) != 5 {
			t.Errorf("%s: %v", name, err)
		}
	}
	large := io.MultiReader(bytes.NewReader(tarred[:512]), &paste.Unending{Block: strings.Repeat("x", 64<<10), Blocks: 0, Interrupt: nil})
	if err := paste.NewSession(paste.Options{}).Stream(t.Context(), large, "", nil); !errors.Is(err, paste.ErrArchive) {
		t.Errorf("an archive without an end: %v", err)
	}
	if err := paste.NewSession(paste.Options{}).Stream(t.Context(), strings.NewReader("\xfd7zXZ\x00 and so on"), "", nil); !errors.Is(err, paste.ErrArchive) {
		t.Errorf("xz: %v", err)
	}
}

// onlyReader cannot seek.
type onlyReader struct{ io.Reader }
