// Package simulator plays a distribution grid behind real protocols, with a truth against which
// everything else is checked.
//
// What comes in: a grid (Generate, Load), a scenario (what fails when, how the channel behaves), a
// broker, requests of Modbus pollers. What goes out: MQTT messages as meters and gateways send them, Modbus replies
// of relays, head meters, transformer meters and fault indicators, and a Truth that says what every meter measured, what
// switched, and who was without supply from when to when.
//
//	GridSpec ─Generate─▶ Grid ──▶ Simulation ◀── Scenario (faults, channel)
//	CSV, JSON ──Load────▶  │        │ │ ├──▶ Truth (readings, interruptions, events)
//	                       ▼        │ │ ├──▶ Calendar (planned cuts and work, before it begins)
//	                   WriteCSV     │ │ ├──▶ Face (MQTT: readings, last gasps, status), or a Hearer: the same as values
//	                                │ │ └──▶ Modbus (registers and inputs, when asked)
//	                                │ └ Demand.At(time): any instant without its history
//	                                └ Unit(id): what is true of a Modbus unit now
//
// Guarantees:
//
//   - The same grid, scenario, seed and start give the same readings, faults and truth. What the
//     channel does (loss, order, delay) comes from the seed too; only the moment of arrival is the
//     network's.
//   - A register is the floor of the integral of power over the time the meter had supply, whole Wh,
//     and never falls. Voltage, current, power and power factor of a reading agree: p = Σ v·i·pf
//     within the rounding of the printed digits.
//   - A head or transformer meter's import less export grows by exactly what the customers behind it take, less
//     what they feed in, and the losses; fed past it over a tie, they do not count. Neither register falls. Which part of a
//     net flow that changes its direction is import and which export depends on when it is looked at.
//   - A relay's contact, fault passage and voltages follow the faults of the scenario to the millisecond; what it
//     answers does not wait for the rest of the simulation.
//   - A meter without supply says nothing but its last gasp, unless its customer has solar and the scenario lets it live:
//     then it measures no voltage and says so. Its register stands still.
//   - What the calendar announces is drawn before the start; what came of it, overruns among it, is in the truth.
//   - What a Hearer hears in a light simulation is what a Face would publish, reduced to events and voltages.
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
// To extend it: a new kind of fault is one constant and one case in fault.go, in silence.go for one that leaves the
// supply as it is, or in modbus_fault.go and modbus_spoil.go for one of the wire; a new Modbus model is a table in modbus_model.go, written from the maker's
// document; a new protocol is a Face; a new scenario is a file in scenarios/.
//
// It imports headend for the vocabulary and nothing else of ours, so that it cannot agree with the
// head-end on a mistake.
package simulator
