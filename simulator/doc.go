// Package simulator plays a distribution grid behind real protocols, with a truth against which
// everything else is checked.
//
// What comes in: a grid (Generate, Load), a scenario (what fails when, how the channel behaves), a
// broker. What goes out: MQTT messages as meters and gateways send them, and a Truth that says what
// every meter measured and who was without supply from when to when.
//
//	GridSpec ─Generate─▶ Grid ──▶ Simulation ◀── Scenario (faults, channel)
//	CSV, JSON ──Load────▶  │          │ ├──▶ Truth (readings, interruptions, events)
//	                       ▼          │ └──▶ Face (MQTT: readings, last gasps, status)
//	                   WriteCSV     Load(seed, meter, time): any instant without its history
//
// Guarantees:
//
//   - The same grid, scenario, seed and start give the same readings, faults and truth. What the
//     channel does (loss, order, delay) comes from the seed too; only the moment of arrival is the
//     network's.
//   - A register is the floor of the integral of power over the time the meter had supply, whole Wh,
//     and never falls. Voltage, current, power and power factor of a reading agree: p = Σ v·i·pf
//     within the rounding of the printed digits.
//   - A meter without supply says nothing but its last gasp. Its register stands still.
//   - What a broker has not acknowledged is kept and sent again, up to a bound; what falls beyond
//     the bound is counted.
//
// On failure: a broken connection is made again with growing pauses; a scenario or file that cannot
// be used is refused at the start with the place of the fault. Run returns only when every goroutine
// it started has ended.
//
// Flood is apart from all that: a load generator for benchmarks and chaos tests, with content that a
// verifier can recompute from the number of the message.
//
// To extend it: a new kind of fault is one constant and one case in fault.go; a new protocol is a
// Face; a new scenario is a file in scenarios/.
//
// It imports headend for the vocabulary and nothing else of ours, so that it cannot agree with the
// head-end on a mistake.
package simulator
