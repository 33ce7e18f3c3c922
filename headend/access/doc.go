// Package access decides who gets in: passwords, sessions, tokens, lock-out and rate limits.
//
//	name + password ──▶ rate of the address ──▶ lock-out of the name ──▶ argon2id ──▶ session, a secret in a cookie
//	cookie or token ──▶ SHA-256 ──▶ store: still there, not over, account not disabled ──▶ Principal
//
// In come secrets as they were sent; out goes a headend.Principal, headend.ErrDenied or *headend.TooMany. What a principal may do
// with which route is a table in headend/api; what part of the organisation it sees is compiled into every question by the store.
//
// Guarantees:
//
//   - No secret is stored: passwords as argon2id, sessions and tokens, which are 256 random bits, as SHA-256.
//   - A name that does not exist is refused after the same work, with the same words and the same lock-out as one that does.
//   - At most a few passwords are hashed at once; who waits too long is told to come again.
//   - A secret is made after the password was right, never taken from the request: a session cannot be fixed beforehand.
//   - Whoever changes a password ends all other sessions of the account.
//
// Time is an argument of what decides (LockedUntil, Rate.Take, Limits.Over); Doors brings it to the clock and the store.
package access
