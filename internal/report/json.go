package report

import (
	"encoding/json"
	"io"

	"sockeye/internal/diagnose"
)

// JSON writes the report in the contract "sockeye.report/v1", indented.
func JSON(w io.Writer, r *diagnose.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}
