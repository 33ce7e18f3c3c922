// Package oidc logs people in through an identity provider that speaks OpenID Connect: the authorization code flow with PKCE.
//
//	browser ──▶ Begin: secret S in a cookie, SHA-256(S) in the store ──▶ provider: state, nonce and challenge, all made from S
//	provider ──▶ browser ──▶ Finish: state is that of S? ──▶ S is taken from the store ──▶ code + verifier + client secret ──▶ ID token
//	ID token: signature, issuer, audience, expiry, nonce ──▶ issuer#subject ──▶ the account that is bound to it ──▶ session
//
// In come a browser's requests as the API reads them; out goes a session as a password would open it, or *headend.LoginRefused,
// *headend.TooMany and what the store returns.
//
// Guarantees:
//
//   - An account is never made. Somebody has bound it to the subject before, by an act of the audit trail.
//   - What comes back is of the browser that went, and is used once, on whatever head-end of the database it comes back to:
//     state, nonce and verifier follow from the secret in its cookie, of which the store keeps the hash until the first Finish.
//   - No secret is stored or logged: neither that of the client, nor a code, nor a token. Tokens are read and dropped.
//   - Only what the provider signs with a public key of its own counts; "none" and keys that both sides know do not.
//   - A provider that is down, slow or verbose costs its own logins alone: times and sizes are bounded, and it is left in peace for
//     some seconds after a failure. Passwords go on. Nothing is asked of it before somebody wants to log in.
//
// The provider is what its discovery document says, read when first needed and again after an hour.
package oidc
