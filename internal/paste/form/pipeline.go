package form

import "strings"

// PipelineDrops tells whether a program that reads what another printed drops rows,
// or puts something else in their place. What stands here is between the first "|"
// and the command's end; programs of Unix, cmd and PowerShell are known by name, and
// of one that nobody knows it cannot be told that it keeps all.
func PipelineDrops(pipeline string) bool {
	for part := range strings.SplitSeq(strings.ToLower(pipeline), "|") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		switch ProgramOf(words[0]) {
		case "cat", "sort", "tee", "less", "more", "column", "expand", "tr", "clip", "pbcopy", "xclip", // they keep every row
			"sort-object", "format-table", "ft", "format-list", "fl", "out-file", "out-host", "out-string", "tee-object", "export-csv", "convertto-csv", "convertto-json":
		case "select", "select-object": // columns, unless it is told how many rows
			if strings.Contains(part, "-first") || strings.Contains(part, "-last") || strings.Contains(part, "-skip") || strings.Contains(part, "-unique") {
				return true
			}
		default:
			return true
		}
	}
	return false
}
