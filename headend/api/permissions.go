package api

import "lastgasp/headend"

// rule says who may use a route.
type rule struct {
	permission headend.Permission // "": any principal
	everybody  bool               // nobody has to log in
	machine    bool               // nobody has to log in on this machine
	whole      bool               // only who sees the whole organisation
}

// Rules that many routes have.
var (
	everybody  = rule{everybody: true}
	loggedIn   = rule{}
	look       = rule{permission: headend.MayLook}
	operate    = rule{permission: headend.MayOperate}
	bill       = rule{permission: headend.MayBill}
	maintain   = rule{permission: headend.MayMaintain}
	sign       = rule{permission: headend.MaySign}
	administer = rule{permission: headend.MayAdminister, whole: true}
)

// permissions is the one table of who may use what: by the id of an operation of the OpenAPI document, or by the pattern of a
// route that is none. What does not stand here is refused to everybody; a test finds it.
//
// What a route shows to who sees a part of the organisation alone is not decided here but by the store, see
// timeseries/part.go. Where a route does something that has no part, it says whole.
var permissions = map[string]rule{
	"GET /healthz":                 everybody,
	"GET /readyz":                  everybody,
	"GET /metrics":                 {permission: headend.MayLook, machine: true, whole: true},
	"GET /api/v1/openapi.json":     everybody,
	"GET /api/v1/openapi.yaml":     everybody,
	"GET /api/v1/openapi-3.0.json": everybody,
	"GET /api/v1/openapi-3.0.yaml": everybody,
	"GET /schemas/{schema}":        everybody,
	"/":                            everybody, // the console's files, and what is not there

	"login":           everybody,
	"session-options": everybody,

	"begin-provider-login": everybody,
	"end-provider-login":   everybody,

	"get-session":    loggedIn,
	"change-session": loggedIn,
	"logout":         loggedIn,

	"list-tokens":  loggedIn, // one's own
	"add-token":    loggedIn,
	"revoke-token": loggedIn,
	"list-users":   administer,
	"get-user":     administer,
	"add-user":     administer,
	"change-user":  administer,
	"list-audit":   administer,
	"verify-audit": administer,
	"export-audit": administer,

	"list-meters":        look,
	"get-meter":          look,
	"list-devices":       look,
	"get-device":         look,
	"list-readings":      look,
	"list-usage-points":  look,
	"get-usage-point":    look,
	"list-nodes":         look,
	"get-node":           look,
	"list-organisations": look,
	"list-energy":        look,
	"list-load":          look,
	"list-events":        look,
	"list-meter-events":  look,
	"list-device-events": look,
	"list-node-events":   look,

	"set-device-credential": maintain, // of devices that are one's part's alone

	"get-series":       look,
	"list-connections": look,
	"attach-meter":     {permission: headend.MayMaintain, whole: true},
	"get-supply":       look,
	"get-overview":     look,
	"export-readings":  look,

	"list-webhooks":        {permission: headend.MayMaintain, whole: true}, // they tell of everything
	"get-webhook":          {permission: headend.MayMaintain, whole: true},
	"add-webhook":          administer,
	"change-webhook":       administer,
	"drop-webhook":         administer,
	"ping-webhook":         {permission: headend.MayMaintain, whole: true},
	"renew-webhook-secret": administer,
	"list-deliveries":      {permission: headend.MayMaintain, whole: true},
	"get-delivery":         {permission: headend.MayMaintain, whole: true},
	"redeliver":            {permission: headend.MayMaintain, whole: true},

	"GET /api/v1/docs":               everybody, // the reference page, which shows what anybody may know
	"GET /api/v1/docs/reference.css": everybody,
	"GET /api/v1/docs/reference.js":  everybody,

	"completeness":        look,
	"list-gaps":           look,
	"list-findings":       look,
	"list-value-versions": look,
	"billing-consumption": bill,
	"billing-registers":   bill,
	"list-runs":           bill,
	"get-run":             bill,
	"ask-run":             bill,
	"run-snapshot":        bill,
	"export-run":          bill,
	"run-changes":         bill,

	"list-quarantine":    look,
	"get-quarantined":    look,
	"replay-quarantined": maintain,

	"list-outages":       look,
	"get-outage":         look,
	"decide-outage":      operate,
	"follow-outages":     look,
	"list-interruptions": look,
	"list-plans":         look,
	"get-plan":           look,
	"put-plan":           operate,
	"drop-plan":          operate,

	"reliability":           look,
	"service-indicators":    look,
	"counted-interruptions": look,
	"losses":                look,
	"list-periods":          look,
	"get-period":            look,
	"close-period":          sign,
}

// mayUse tells whether a principal may use a route.
func (r rule) mayUse(p *headend.Principal) bool {
	return (r.permission == "" || p.May(r.permission)) && (!r.whole || !p.Limited())
}
