package billing

import "encoding/json"

// What is not known has no number in JSON either: "wh" and "w" are left out, not 0.

// known is the number, or nil where there is none.
func known(n int64, is bool) *int64 {
	if !is {
		return nil
	}
	return &n
}

// MarshalJSON leaves out wh where the register is not known.
func (r Read) MarshalJSON() ([]byte, error) {
	type plain Read
	return json.Marshal(struct {
		plain
		Wh *int64 `json:"wh,omitempty"`
	}{plain(r), known(r.Wh, r.Absent == "")})
}

// MarshalJSON leaves out wh where the consumption is not known.
func (c Consumption) MarshalJSON() ([]byte, error) {
	type plain Consumption
	return json.Marshal(struct {
		plain
		Wh *int64 `json:"wh,omitempty"`
	}{plain(c), known(c.Wh, c.Absent == "")})
}

// MarshalJSON leaves out wh where the part is not known.
func (p Part) MarshalJSON() ([]byte, error) {
	type plain Part
	return json.Marshal(struct {
		plain
		Wh *int64 `json:"wh,omitempty"`
	}{plain(p), known(p.Wh, p.Absent == "")})
}

// MarshalJSON leaves out wh where the value is missing.
func (v Value) MarshalJSON() ([]byte, error) {
	type plain Value
	return json.Marshal(struct {
		plain
		Wh *int64 `json:"wh,omitempty"`
	}{plain(v), known(v.Wh, v.State != Missing)})
}

// MarshalJSON leaves out w where there is no maximum.
func (d Demand) MarshalJSON() ([]byte, error) {
	type plain Demand
	return json.Marshal(struct {
		plain
		W *int64 `json:"w,omitempty"`
	}{plain(d), known(d.W, d.Absent == "")})
}
