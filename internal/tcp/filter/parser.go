package filter

import (
	"slices"
	"strings"
)

// maxDepth bounds parentheses and nots inside one another: no person writes as
// many, and the stack stays small whatever text comes.
const maxDepth = 100

type parser struct {
	Parser
	line   string
	tokens []token
	at     int
	depth  int
}

// Parse reads a filter; blank text selects everything. The error is a
// *SyntaxError.
func (o Parser) Parse(line string) (Expr, error) {
	tokens, err := lex(line)
	if err != nil {
		return nil, err
	}
	p := &parser{Parser: o, line: line, tokens: tokens}
	if p.peek().kind == end {
		return all{}, nil
	}
	e, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		// disjunction stops early only at a parenthesis that nothing opened
		return nil, p.fail(t, say{"nothing is open that ')' could close", "没有与 ')' 对应的 '('"}, say{})
	}
	return e, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) fail(t token, msg, hint say, args ...any) *SyntaxError {
	return fail(p.line, t.pos, msg, hint, args...)
}

// is reports whether a token is that sign or its word.
func (t token) is(sign kind, name string) bool {
	return t.kind == sign || t.kind == word && strings.EqualFold(t.text, name)
}

func (p *parser) disjunction() (Expr, *SyntaxError) {
	var xs []Expr
	for {
		x, err := p.conjunction()
		if err != nil {
			return nil, err
		}
		xs = append(xs, x)
		if !p.peek().is(orSign, "or") {
			return disjoin(xs), nil
		}
		p.next()
	}
}

// conjunction reads operands joined by "and" or by nothing. State clauses that
// follow one another without "and" are one set, as ss reads them: each state
// adds, each exclude takes away.
func (p *parser) conjunction() (Expr, *SyntaxError) {
	var xs []Expr
	run := false // the last operand is a state set that the next clause may extend
	for {
		isClause := stateClause(p.peek())
		if run && isClause {
			set := xs[len(xs)-1].(states)
			if err := p.clause(&set, false); err != nil {
				return nil, err
			}
			xs[len(xs)-1] = set
		} else {
			x, err := p.operand()
			if err != nil {
				return nil, err
			}
			xs = append(xs, x)
			run = isClause
		}
		switch t := p.peek(); {
		case t.is(andSign, "and"):
			p.next()
			run = false
		case t.kind == end, t.kind == shut, t.is(orSign, "or"):
			return conjoin(xs), nil
		}
	}
}

func (p *parser) operand() (Expr, *SyntaxError) {
	t := p.next()
	switch {
	case t.is(notSign, "not"), t.kind == open:
		if p.depth++; p.depth > maxDepth {
			return nil, p.fail(t, say{"nested more than %d deep", "嵌套超过 %d 层"}, say{}, maxDepth)
		}
		defer func() { p.depth-- }()
		if t.kind != open {
			x, err := p.operand()
			if err != nil {
				return nil, err
			}
			return not{x}, nil
		}
		x, err := p.disjunction()
		if err != nil {
			return nil, err
		}
		if p.peek().kind != shut {
			return nil, p.fail(t, say{"this '(' is never closed", "这个 '(' 没有闭合"}, say{})
		}
		p.next()
		return x, nil
	case t.kind == word && !reserved(t.text):
		return p.term(t)
	case t.kind == end:
		return nil, p.fail(t, say{"the filter ends where a condition is expected", "此处应有条件，但表达式已结束"}, wordsHint)
	}
	return nil, p.fail(t, say{"a condition is expected here, not %q", "此处应为条件，而不是 %q"}, wordsHint, t.text)
}

// term reads a condition whose first word was taken.
func (p *parser) term(t token) (Expr, *SyntaxError) {
	name := strings.ToLower(t.text)
	if canonical, ok := synonyms[name]; ok {
		name = canonical
	}
	if stateClause(t) {
		set := noStates
		p.at--
		if err := p.clause(&set, true); err != nil {
			return nil, err
		}
		return set, nil
	}
	if name == "autobound" {
		return autobound{}, nil
	}
	read, ok := p.reader(name)
	if !ok {
		return nil, p.unknown(t)
	}
	o, opToken := defaultOp(name), p.peek()
	explicit := false
	if opToken.kind == comparison {
		o, explicit = p.next().op, true
	} else if w, isWord := wordOps[strings.ToLower(opToken.text)]; isWord && opToken.kind == word {
		p.next()
		o, explicit = w, true
	}
	if explicit && !slices.Contains(opsOf(name), o) {
		return nil, p.fail(opToken, say{name + " cannot be compared with %q", name + " 不支持运算符 %q"},
			say{"it takes " + opList(opsOf(name)), "可用：" + opList(opsOf(name))}, opToken.text)
	}
	v := p.next()
	if v.kind != quoted && (v.kind != word || reserved(v.text) && (!explicit || isJoin(v.text))) {
		what := valueOf(name)
		if v.kind == end {
			return nil, p.fail(v, say{name + " needs " + what.en, name + " 后面需要" + what.zh}, say{})
		}
		return nil, p.fail(v, say{name + " needs " + what.en + ", not %q", name + " 后面需要" + what.zh + "，而不是 %q"},
			say{"put a name that reads like part of the language in quotes", "与关键字同名的名称请加引号"}, p.line[v.pos:min(len(p.line), v.pos+max(1, len(v.text)))])
	}
	return read(o, v)
}

func isJoin(text string) bool {
	switch strings.ToLower(text) {
	case "and", "or", "not":
		return true
	}
	return false
}

// unknown explains a word that begins no condition.
func (p *parser) unknown(t token) *SyntaxError {
	msg := say{"%q is no filter word", "%q 不是筛选条件"}
	if _, ok := stateSet(t.text); ok {
		return p.fail(t, msg, say{"write: state " + t.text, "请写：state " + t.text}, t.text)
	}
	if near := Nearest(t.text, words()); near != "" {
		return p.fail(t, msg, say{"did you mean " + near + "?", "是否想写 " + near + "？"}, t.text)
	}
	return p.fail(t, msg, wordsHint, t.text)
}

var wordsHint = say{"a condition begins with " + strings.Join(words(), ", "), "条件的开头可以是 " + strings.Join(words(), "、")}
