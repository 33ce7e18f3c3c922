package headend

import "slices"

// Permission is one kind of thing somebody may do.
type Permission string

// The permissions. A token's scopes are some of them.
const (
	MayLook       Permission = "look"       // see readings, events, outages, the ledger, reports
	MayOperate    Permission = "operate"    // decide about outages, enter planned cuts
	MayBill       Permission = "bill"       // make billing runs, take exports for billing
	MayMaintain   Permission = "maintain"   // devices and their credentials, quarantine, connections to other systems
	MaySign       Permission = "sign"       // close a month
	MayAdminister Permission = "administer" // accounts, tokens of others, the audit trail
)

// Permissions are all there are.
var Permissions = []Permission{MayLook, MayOperate, MayBill, MayMaintain, MaySign, MayAdminister}

// Role is what an account is for.
type Role string

// The roles.
const (
	Viewer        Role = "viewer"
	Operator      Role = "operator"
	Billing       Role = "billing"
	Engineer      Role = "engineer"
	Administrator Role = "administrator"
)

// Roles are all there are.
var Roles = []Role{Viewer, Operator, Billing, Engineer, Administrator}

// Permissions are what a role allows; none for a role that there is not.
func (r Role) Permissions() []Permission {
	switch r {
	case Viewer:
		return []Permission{MayLook}
	case Operator:
		return []Permission{MayLook, MayOperate}
	case Billing:
		return []Permission{MayLook, MayBill}
	case Engineer:
		return []Permission{MayLook, MayOperate, MayMaintain, MaySign}
	case Administrator:
		return slices.Clone(Permissions)
	}
	return nil
}
