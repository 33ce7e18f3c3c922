package headend

import (
	"context"
	"slices"
	"strings"
)

// Principal is who asks: a person who has logged in, or a program with a token.
type Principal struct {
	Account       int64  // number of the account; 0: a token that belongs to nobody
	Token         int64  // number of the token; 0: a person
	Name          string // as it stands in the audit trail
	Role          Role   // of the account; "" for a token that belongs to nobody
	Permissions   []Permission
	Organisations []string // with all below them; none: everything
	Language      string   // vi or en
}

// May tells whether it has a permission.
func (p *Principal) May(permission Permission) bool {
	return slices.Contains(p.Permissions, permission)
}

// Limited tells whether it sees only a part of the organisation.
func (p *Principal) Limited() bool { return p != nil && len(p.Organisations) > 0 }

// Part names the part of the organisation that it sees; "" for all. Two principals of the same part see the same.
func (p *Principal) Part() string {
	if p == nil {
		return ""
	}
	return strings.Join(slices.Sorted(slices.Values(p.Organisations)), "\x1f")
}

type principalKey struct{}

// WithPrincipal says on whose behalf something is done. The store answers questions with such a context from that
// principal's part of the organisation alone.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf is on whose behalf something is done; nil for what the program does by itself.
func PrincipalOf(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}
