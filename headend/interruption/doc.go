// Package interruption finds out who is without supply, since when, behind which device, and when it came
// back, from what devices say. It is pure: no clock, no input or output, no goroutine.
//
// # What comes in and goes out
//
//	Evidence ──Observe──▶ what is known of each usage point, gateway and node  (a set: deduplicated, unordered)
//	Plan, Decision ─────▶      │
//	                           │ Advance(now): for each part of the network whose set has changed
//	                           ▼
//	     spans of each usage point ──▶ onsets at each node ──▶ the explanation ──▶ ledger ──compare──▶ Changes
//	     (spans.go)                    (onset.go)              (weigh.go)          (ledger.go)         (detector.go)
//
// Changes are values: outages and interruptions that are new, revised or withdrawn, each with its reason, outages with a
// Summary in one line and a Trail in full. On top
// of the ledger stands the live view (live.go), which alone may depend on now: the state of an outage, storm
// mode, which meters to ping, who is energised, de-energised or unknown.
//
// # The guarantee everything is built around
//
// The ledger is a pure function of the SET of evidence, the network, the rates and now; after the last
// message has had time to arrive it no longer depends on now. Order, repetition and lateness of arrival cannot
// show in it because nothing in it is carried from one Advance to the next: what is kept is the set, and the ledger
// is derived anew from it. To keep that cheap it is derived only for components (a substation and all below)
// whose set has changed, and only from the last quiet time on (ledger.go: cut) that new evidence cannot reach across; tests
// compare it with the ledger derived as a whole. Late evidence that is over and done with (an entry of a log) has only the
// time until the next quiet moment derived again; if what is found reaches further, all that follows is. A component with thousands
// of rows waits up to two seconds between two derivations (longer only where half a million rows wait at once), and longer before
// it tells better what it has told already; late logs wait a minute. Numbers of outages, rows and revisions are not part of the ledger: they
// tell its history. A row keeps its ID through all changes: a store that appends what is told under usage point, ID
// and revision holds the ledger (identity_test.go).
//
// Evidence counts at its device's time. What came without a usable time counts at the time the head-end
// first received it (Evidence.Received); fed to the detector again, or a day later, it keeps that stamp.
//
//	outage      suspected ──odds ≥ 9:1──▶ confirmed ──all have supply──▶ restored ──Settle passed──▶ closed
//	               │  ▲                       ▲  │ evidence takes it back       │                       │
//	               ▼  └───────────────────────┘  ▼                              └──◀── late truth revises, at any state
//	            withdrawn (a revision with its reason, never silently)
//
//	usage point  energised ──span that the explanation accepts──▶ de-energised ──end of it──▶ energised
//	             unknown:  never heard, link lost, or silent against its own record; says nothing about supply
//
// # How a usage point's evidence becomes spans without supply
//
// In this order of trust: the entries of the meter's own power-failure log; last gasps and power-ups with
// a device time; those without (a gasp counts at arrival less the hold time); sign of life as the bound of an open
// end. The event number of a device stands above the time where both are there: a gasp numbered below a power-up
// came before it, whenever it arrived. Times are corrected by the offset of the device's clock: known at its syncs,
// linear between them. A gasp within a span is a repeat,
// unless the device gave it another number and another time: then it is another loss, and when supply was back between is for
// neighbours to tell (one interruption, where they do not). A span may also bridge a return and a new loss because all words
// about both were lost: where neighbours returned and fell dark again, both explanations are weighed (divide.go). What
// readings say of dead voltages is true of some moment in their minute and is kept as a set of minutes (dim.go). A power-up with nothing before it is a span whose
// start is not known: it is left empty with the last sign of life as its bound, until the log or a neighbour tells.
//
// # How spans become outages
//
// Spans of the usage points of one node that begin within Tolerance of each other form an onset; onsets of
// the nodes below one node within Tolerance form one there, unless their members agree so well that the gap between them is less
// probable for one failure than two failures are (apart.go). For each onset every node is weighed by
//
//	fail(v) = prior(v) + Σ k·ln(p_d/p_f) + Σ (n−k)·ln((1−p_d)/(1−p_f)) + other witnesses
//	best(v) = max( fail(v), part(v), Σ best of the nodes and usage points below )
//
// (RELIABILITY.md part 2; the maximum over a tree of nodes that fail independently is the a-posteriori most
// probable explanation.) k gasped of n that were heard shortly before and have a channel; who is dark already, or
// behind a lost gateway, or not heard before, weighs nothing. p_f and the priors are per minute, the window in which an
// onset falls, so that many at once speak for a common cause; p_d counts only to the share of gasps that can have
// arrived by now. Power-ups weigh the same way with p_u. Silence of a whole node costs at most ln(1e-4), the
// probability that its channel is gone unnoticed. A live meter inside is a veto for all nodes above it; only at its
// own transformer, where its siblings prove the outage, is it an exception and set aside for the report of topology
// errors. prior never rises towards the supply, so the lowest node that explains the evidence wins. part(v) is a
// failure of a part of v whose members are not known: it takes those with evidence and pays ln C(n,k) + ln(n+1) for the
// choice of them. The same sums are made for one or two of three phases. An open breaker weighs +40: more than
// any silence, less than a veto.
//
// Those below the outage's node without spans of their own get the onset and end of the nearest node with evidence:
// inferred. Where a log of the meter overlaps, the log alone counts. Overlapping or touching spans are one.
//
// # Failure
//
// Evidence from before the window (Settings.Window, three days) or of a device without a usage point is refused
// with a Verdict that says so, and counted. Nothing is persistent: after a crash make a new Detector, Restore the
// last Snapshot (cursor, numbers of outages, rates), feed all evidence since Snapshot.ReplayFrom from the store
// in any order; the ledger is the same, and what is told is what is new. What has left the window does not come back
// (Snapshot.Kept). Memory is bounded: evidence of one usage point is limited
// (Settings.MaxEvents); beyond it the excess is refused, and the usage point is reported.
//
// # What falls short
//
//   - A sign of life is kept to the minute, so it vetoes only where it lies a minute or two away from an edge; pings too.
//   - Clocks of two gateways that differ unnoticed by more than their meters do among each other look like two failures.
//   - Voltages that a device at a node reads (not its events) are fed as changes, in the order of arrival.
//   - A power-up without gasp, log or neighbour leaves Start empty: accounting must decide what it counts.
//   - Two phases lost one after the other are one interruption with both, over the whole time.
//   - Evidence that arrives before the registry knows its device is refused (Unplaced); a change of the network needs a new
//     Detector and a replay from Snapshot.ReplayFrom.
//   - The time gasps take (Settings.Spread) is a setting, not measured by segment as p_d, p_u and p_f are.
//   - A gasp by arrival time, a word about a link and a decision have all that came after them in their component weighed again.
//   - A clock nobody compares shifts the start of its meter's row, and with it the start of the outage, by what it is wrong.
//   - A phase lost at a transformer where one customer alone is on it looks like that customer's own fault.
//   - Fault passage shifts a prior; directions and distances of fault locators are not used.
//
// # To extend it
//
// A new witness is a Kind in evidence.go and a weight where it is used: in spans.go when it speaks of one usage
// point, in witness.go when it speaks of a node. A new case is a file in testdata.
package interruption
