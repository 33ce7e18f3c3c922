// Package broker is the embedded MQTT broker: a device connects to the head-end itself, and the PUBACK
// it gets means "stored".
//
//	device ─TCP/TLS─▶ conn ──PUBLISH──▶ queue ──batch──▶ collectors ─Decode─▶ Sink.Accept
//	                   │ ▲                                                        │ nil
//	                   │ └───────── PUBACK / PUBREC, one write for many ◀─────────┘
//	                   └──CONNECT, SUBSCRIBE, PING ...──▶ mochi (sessions, subscriptions, commands down)
//
// What comes in: MQTT 3.1, 3.1.1 and 5 over TCP or TLS. What goes out: batches to the Sink; commands of
// the head-end to devices (Publish).
//
// mochi-mqtt does everything of the protocol but the way of a device's publish. It acknowledges a
// publish before anything else has happened to it, drops acknowledged messages over its limits, and
// keeps one packet id map for both directions (its issue 545). So a connection is wrapped before mochi
// sees it: conn reads the frames, takes PUBLISH and PUBREL out of the stream and hands mochi the rest.
//
// Guarantees:
//
//   - A PUBACK (QoS 1) or PUBREC (QoS 2) is written only after Accept returned nil for the message, in
//     the order of the publishes [MQTT-4.6.0-2]. QoS 2 needs no memory of ours: the PUBREC is withheld
//     until the commit, PUBREL is answered at once, and a publish repeated before its PUBREC is a
//     repeated reading, which the store counts as a duplicate.
//   - QoS 0 takes the same way and is acknowledged by nothing.
//   - What is in flight is bounded, in all and for each client. Beyond it the connection is not read:
//     TCP is the back-pressure. While a connection waits its PINGREQs are still answered, so a dead
//     database does not make a fleet reconnect.
//   - A will takes the way of a publish. On a client id takeover it is stored before the new connection
//     is accepted; when the head-end itself stops it is dropped, for the device did not fail.
//   - Nothing a device publishes is retained for, or forwarded to, another device.
//
// Access: a device publishes and subscribes only below ami/v1/{its id}/ and below the patterns its
// Identity names. A publish to a foreign topic is set aside in quarantine (ReasonForeignDevice) and
// then acknowledged — by MQTT 3.1.1 the one alternative to closing unanswered, after which the device
// would send the same message first for ever; MQTT 5 gets reason 0x87 — and then the connection is
// closed. A payload that names another device is set aside too unless its sender is a gateway. A device
// has at most ConnectionsADevice connections; Recheck ends those of devices whose right, or whose secret,
// is no longer what it was at the login.
//
// On failure: an error of Accept is retried with growing pauses until it succeeds or Run ends; nothing
// is acknowledged meanwhile. kill -9 loses what had no PUBACK; devices send it again on reconnect. A
// persistent session holds subscriptions and commands under way, in memory only, for SessionExpiry.
//
// To extend: a new payload format is a codec behind protocols.Decoder and a pattern in an Identity;
// nothing here changes.
package broker
