package headend

// UsagePointFilter picks usage points as they are now; empty fields pick all.
type UsagePointFilter struct {
	Node         string // at or below
	Organisation string // at or below
	Text         string // part of the id, name or address; case of a to z does not matter
}

// NodeFilter picks nodes as they are now; empty fields pick all.
type NodeFilter struct {
	Parent string // directly below
	Kind   string
	Text   string // part of the id or name; case of a to z does not matter
}

// UsagePointHistory is a usage point in all its versions, oldest first, and the meters that measured it.
type UsagePointHistory struct {
	Versions      []UsagePoint
	Installations []Installation
}
