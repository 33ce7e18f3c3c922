// Package modbus polls meters and feeder devices over Modbus TCP, RTU over TCP and serial RTU.
//
//	Profiles ─▶ plan: fewest requests ─┐
//	devices ─▶ line (one a connection) ─┴─▶ master ─▶ link ─▶ device
//	             │ polls by time and deadline    goburrow  transactions, late replies, closed peers
//	             ▼
//	           decode ─▶ readings, states ─▶ gridstate: changes ─▶ events
//	             └────────────┬──────────────────────────────────────┘
//	                          ▼ batches of a few ms
//	                        Sink.Accept
//
// What comes in: devices with an address, a unit and a profile; replies. What goes out: a batch for each poll, with
// what was read as readings in base units, and another where a breaker, fault passage or supply has changed, with an event
// whose Detail names the register and value that prove it. They are apart so that a value the database refuses takes no
// event into quarantine with it. A batch's Raw is the data of the replies one after the
// other; its source's address lists the ranges they are of: "tcp://10.1.2.3:502?unit=7 4:0+76,4:342+40" is
// function 4, 76 registers from 0 on, then 40 from 342 on.
//
// Guarantees:
//
//   - A value is stored only when it came in a reply to this very request: transaction and unit, function and
//     length are checked, on RTU the CRC. A reply that comes too late is dropped; on RTU, where nothing tells it from
//     the next, the unit is first asked something of another length (link_rtu.go).
//   - What was not read, or means "not measured", or is no number, has no reading; why is counted.
//   - Whole numbers are scaled as decimals. Energy is the floor in Wh; of a float32 it is the floor of the shortest
//     decimal the float stands for (a meter's 2.3 kWh stays 2300 Wh), and coarse where its neighbours lie more than
//     1 Wh apart.
//   - A value no device measures (a total below zero, a number beyond what can be stored) is absent, and its poll is kept
//     in quarantine, one of a group in ten minutes: Profile.Replay reads it again with a profile that was mended.
//   - A group's polls stay on a fixed grid: spread over the interval by hash of the device, or on the clock. A poll
//     that comes too late is skipped and counted, never queued twice.
//   - A unit that does not answer is probed on a budget (5 % of the line's time, or gaps long enough), so its
//     neighbours keep their interval. When the whole line comes back all its units are tried at once.
//   - Memory is bounded by the configuration: while the sink stands still the lines wait.
//   - A breaker not read for as many polls as the profile says is unknown; so is one in no valid position, and one in a
//     group of which, against what its profile says, not one bit changes any more.
//   - Nothing writes to a device but Write, once, after its intention is in the audit trail.
//
// States of a unit:
//
//	alive ──a poll without a word──▶ suspect ──3 in a row──▶ dead ──any reply──▶ alive
//	         (shorter timeout)                     (probes, 2 s to 1 min apart)
//
// On failure: a refused request concerns its own registers; when it asked for registers between the wanted ones, the
// group is asked without gaps from then on. Anything else ends the poll. Half a frame or a wrong header closes the
// connection, for the stream is out of step (also half a frame that the next reply has made whole: frame.go, stolen); so do three requests in a row without any frame. An error of Accept is
// tried again; what is not stored when Run ends is lost and counted, and read again after the start.
//
// Times are those of the reply. An event's time carries QualityReceivedTime: the change happened since the poll before,
// whose time is in its Detail.
//
// The library's traps and what heals them: transaction ids that are never checked against late replies (link.go), a
// reply length that is not compared with the request, and any other function taken for an exception (checkReply), a
// serial port that cannot be interrupted (serial_unix.go), no context (interrupt).
//
// To extend: a new model is one file in profiles/, or in a folder of the user's own; docs/modbus.md tells how.
package modbus
