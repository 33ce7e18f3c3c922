// Package reliability is the accounting of interruptions: from rows of the ledger to SAIFI, SAIDI, CAIDI, MAIFI and
// their kin under a named policy, exact and traceable enough to be signed. It is pure: no clock, no database, no input
// or output but the policy files it is built with.
//
// # What comes in and goes out
//
//	headend.Interruption (all versions of all rows, those of a usage point together)
//	      │ Edition: of each row the last version up to the named revision            merge.go
//	      │ overlapping and touching rows of a usage point are one interruption,
//	      │ its cause that of the earliest
//	      ▼
//	   Counted: where the customer belonged when it began (Places), category of the   count.go
//	      │ cause, sustained or momentary, which momentary ones are one event
//	      ▼
//	   Sum of a Cell (unit × month or day): whole numbers, and sets of customers,     figures.go, customers.go
//	      │ which can be added: roll-ups are Sums that were stored
//	      ▼
//	   Indices of a period, over the customers served (Census)                        indices.go, divisor.go
//	      ▼
//	   Statement: with and without major event days, named policy and revision        statement.go, major.go
//
// Beside them: Comparer explains the difference between two revisions, interruption by interruption (difference.go);
// Serve makes the service indicators (service.go); Balance the losses (loss.go); Stand puts a figure beside its target
// and last year's (target.go).
//
// # Formulas
//
// N customers served, CI = Σ customers interrupted (sustained), CMI = Σ customer-minutes (sustained), CN = distinct
// customers interrupted, MI momentary interruptions, ME momentary events, of customers.
//
//	SAIFI  = CI / N                 CAIDI  = CMI / CI    none when CI = 0
//	SAIDI  = CMI / N, minutes       CTAIDI = CMI / CN    CAIFI = CI / CN
//	ASAI   = 1 − SAIDI / real minutes of the period
//	MAIFI  = MI / N                 MAIFI_E = ME / N
//	CEMI_n, CEMSMI_n, CELID_s, CELID_t: customers with n or more sustained; sustained and momentary events together;
//	         with one of at least s hours; with t hours in sum; each over N
//	ASIFI  = Σ VA interrupted / VA served     ASIDI = Σ VA·minutes / VA served
//	T_MED  = exp(α + 2.5 β), α mean and β sample standard deviation of ln(daily SAIDI) of five years, days of 0 dropped;
//	         a major event day is strictly above
//	losses = (received − delivered) / received, in percent
//
// The sources: IEEE Std 1366-2012 and 2022, clause 3 (definitions and indices; among them momentary interruption event,
// MAIFI_E, CEMI_n, CEMSMI_n, CELID, ASIFI, ASIDI), the clause on classification of major event days and annex B (the
// 2.5 beta method) [V]; circulars 39/2015/TT-BCT, article 12, and 05/2025/TT-BCT: SAIDI, SAIFI, MAIFI of a month over the
// customers of the month, sustained "trên 05 phút" [V], the year as the sum of its months [V, one source]. What is [R],
// recalled and not verified, is never code: the sign and length of every threshold, what becomes of one lost phase, the
// operations before a lockout, which causes count, force majeure, the sign of CEMI_n, limits and reach of notices are
// fields of the policy files, whose notes say which they are.
//
// # Guarantees
//
//   - Exact: times are whole milliseconds (cut, not rounded, when a row comes in and before anything is compared), sums
//     are integers, indices rationals; rounding happens when a Ratio is printed. Only T_MED, which needs
//     logarithms, is a float64.
//   - An interruption belongs wholly to the local day on which it began, and to the unit in which its usage point was at
//     that moment.
//   - fault + planned + transmission make the total for CI, CMI, SAIFI, SAIDI and MAIFI, to the last digit, and are
//     offered for no other index. An index of several units is ΣCMI / ΣN.
//   - The order of rows and usage points does not show; a row given twice counts once; Sums of parts make the Sum of
//     the whole.
//   - Nothing is dropped silently: what the policy does not count stands under its category beside the figures
//     (Indices.Beside), interruptions where no customer was in Books.NotServed, causes that no table has in
//     Books.Unlisted, customers whose connected load is not known in Indices.Unrated….
//   - Open interruptions are in SAIFI; their minutes so far are in SAIDI, and shown as provisional.
//   - A figure that has no value is None, not 0.
//
// # Failure
//
// A row that cannot be (it ends before it starts, lasts longer than ten years, two versions of one revision) ends the
// computation with a *RowFault: books with a hole in them are not to be signed. Rows of a usage point that do not stand
// together are ErrScattered. A day on which nobody has counted the customers is *Uncounted. A policy file is refused
// with file, line and reason (*PolicyFault), all faults at once.
//
// # To extend it
//
// A policy is one more file: copy policies/ieee1366.yaml, give it another name and change what differs; LoadPolicies
// reads a folder of them. A new index that counts is a field of Figures with its line in Add and take, and one in
// Indices; one that compares customers is a set in Customers, which must be one that can be added.
package reliability
