package webhook

import (
	"time"

	"lastgasp/headend"
)

// Rules is what whoever enters webhooks needs to know of how deliveries are made.
type Rules struct {
	Guard Guard
	Key   *KeyFile
}

// Check says why an address is not called; nil where it is.
func (r Rules) Check(url string) error { return r.Guard.Check(url) }

// Secret makes a new secret for an address: as it is shown, once, and as it is stored.
func (r Rules) Secret(url string) (shown string, sealed []byte, err error) {
	shown = NewSecret()
	sealed, err = r.Key.Seal([]byte(shown), About(url))
	return shown, sealed, err
}

// Reseal makes a stored secret one of another address.
func (r Rules) Reseal(sealed []byte, from, to string) ([]byte, error) {
	secret, err := r.Key.Open(sealed, About(from))
	if err != nil {
		return nil, err
	}
	return r.Key.Seal(secret, About(to))
}

// Ping is the event that tries a webhook.
func (r Rules) Ping(webhook int64, now time.Time) (headend.News, error) { return Ping(webhook, now) }
