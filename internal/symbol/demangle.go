package symbol

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

const (
	maxMangled  = 4096 // bytes of a name that is demangled at all; C++ templates reach some thousand
	maxFunction = 256  // bytes of a name that is shown
)

// emptied removes what remains of Rust's template arguments.
var emptied = strings.NewReplacer("::<>", "", "<>", "", "<, ", "<")

// readable makes of a linker's name what the programmer wrote: C++ and Rust
// names without parameters and template arguments ("shop::Dao::query"), C names
// without what the optimiser appends ("query.constprop.0").
func readable(name string) string {
	name, _, _ = strings.Cut(name, "@") // of a symbol's version
	switch {
	case strings.HasPrefix(name, "_Z"), strings.HasPrefix(name, "__Z"), strings.HasPrefix(name, "_R"):
		if len(name) <= maxMangled {
			_ = guarded(func() error {
				// MaxLength(10) is 1024 bytes.
				plain, err := demangle.ToString(name, demangle.NoParams, demangle.NoTemplateParams,
					demangle.NoEnclosingParams, demangle.MaxLength(10))
				if err == nil && plain != "" {
					name = emptied.Replace(plain)
				}
				return err
			})
		}
	default:
		if dot := strings.IndexByte(name, '.'); dot > 0 {
			name = name[:dot]
		}
	}
	if len(name) > maxFunction {
		return strings.ToValidUTF8(name[:maxFunction], "") + "…"
	}
	return strings.ToValidUTF8(name, "")
}
