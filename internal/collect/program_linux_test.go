package collect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"testing"

	"sockeye/internal/host"
)

type section struct {
	name string
	kind elf.SectionType
	data []byte
}

// elfFile puts an executable together that has nothing but sections.
func elfFile(t testing.TB, sections ...section) []byte {
	t.Helper()
	names := []byte{0}
	sections = append(sections, section{name: ".shstrtab", kind: elf.SHT_STRTAB})
	headers := make([]elf.Section64, 1, len(sections)+1) // the first is empty
	for _, s := range sections {
		headers = append(headers, elf.Section64{Name: uint32(len(names)), Type: uint32(s.kind), Addralign: 1})
		names = append(append(names, s.name...), 0)
	}
	sections[len(sections)-1].data = names
	off := uint64(64)
	var body bytes.Buffer
	for i, s := range sections {
		h := &headers[i+1]
		h.Off, h.Size = off, uint64(len(s.data))
		body.Write(s.data)
		off += h.Size
	}
	head := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: off,
		Ehsize: 64, Shentsize: 64, Shnum: uint16(len(headers)), Shstrndx: uint16(len(sections)),
	}
	var out bytes.Buffer
	for _, part := range []any{head, body.Bytes(), headers} {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestELFRuntime(t *testing.T) {
	comment := func(text string) section { return section{".comment", elf.SHT_PROGBITS, []byte(text)} }
	symbols := func(name string) section {
		return section{".dynstr", elf.SHT_STRTAB, []byte("\x00main\x00" + name + "\x00")}
	}
	huge := elfFile(t, section{".shstrtab-decoy", elf.SHT_PROGBITS, nil})
	binary.LittleEndian.PutUint64(huge[len(huge)-32:], 1<<40) // size of the section names: 1 TiB
	tests := []struct {
		label string
		file  []byte
		want  host.Runtime
	}{
		{"go", elfFile(t, section{".go.buildinfo", elf.SHT_PROGBITS, nil}), host.Go},
		{"rust", elfFile(t, comment("GCC: (Debian 12.2.0-14) 12.2.0\x00rustc version 1.75.0 (82e1608df 2023-12-21)\x00")), host.Rust},
		{"c", elfFile(t, comment("GCC: (Debian 12.2.0-14) 12.2.0\x00")), ""},
		{".net native AOT", elfFile(t, section{"__managedcode", elf.SHT_PROGBITS, nil}), host.DotNet},
		{".net single file", elfFile(t, symbols("DotNetRuntimeInfo")), host.DotNet},
		{"other symbols", elfFile(t, symbols("NotDotNetRuntimeInfo")), ""},
		{"section without contents", elfFile(t, section{".dynstr", elf.SHT_NOBITS, make([]byte, 64)}), ""},
		{"hostile size", huge, ""},
		{"script", []byte("#!/bin/sh\n"), ""},
		{"cut off", elfFile(t)[:70], ""},
		{"empty", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			if got := elfRuntime(&boundedReader{bytes.NewReader(tt.file), maxELF}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if got := elfRuntime(&boundedReader{own, maxELF}); got != host.Go {
		t.Errorf("this test is %q", got)
	}
}

func FuzzELF(f *testing.F) {
	f.Add(elfFile(f, section{".comment", elf.SHT_PROGBITS, []byte("rustc version 1")}))
	f.Add(elfFile(f, section{".dynstr", elf.SHT_STRTAB, []byte("\x00DotNetRuntimeInfo\x00")}))
	f.Fuzz(func(_ *testing.T, data []byte) {
		elfRuntime(&boundedReader{bytes.NewReader(data), maxELF}) // must neither panic nor take much memory
	})
}

func TestFSTypeOf(t *testing.T) {
	const mounts = "27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n33 27 0:44 / /home rw - nfs4 10.0.0.9:/home rw\nodd\n34 27 0:4 / /x rw -\n"
	for dev, want := range map[string]string{"254:0": "ext4", "0:44": "nfs4", "0:4": "", "0:1": ""} {
		if got := fsTypeOf([]byte(mounts), dev); got != want {
			t.Errorf("fsTypeOf(%q) = %q, want %q", dev, got, want)
		}
	}
}
