package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"sockeye/internal/diagnose"
)

// JSON writes the report in the contract "sockeye.report/v1", indented. What a
// terminal would obey or hide (C1 controls, DEL, format characters) is written
// as \u escapes: the value stays the same, and printing it harms nobody.
func JSON(w io.Writer, r *diagnose.Report) error { return AsJSON(w, r) }

// AsJSON writes any value of a contract in that manner.
func AsJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeControls(buf.Bytes()))
	return err
}

// escapeControls works on whole JSON text: outside of strings there is nothing
// that it would change.
func escapeControls(text []byte) []byte {
	out := text[:0:0]
	kept := 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if r == 0x7f || (r >= 0x80 && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')) {
			out = append(out, text[kept:i]...)
			if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
				out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			kept = i + size
		}
		i += size
	}
	if kept == 0 {
		return text
	}
	return append(out, text[kept:]...)
}
