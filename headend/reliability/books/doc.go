// Package books keeps the sums of the ledger in the store and answers from them: what is reported, what is closed,
// what a closed month differs by. It joins the accounting of package reliability, which is pure, with a store.
//
//	ledger ──Changed, Rows──▶ Settle ──cells──▶ store          each minute, and when the ledger changes (Run)
//	store ──cells, rows that changed since──▶ Report, Service  at any time
//	Report ──▶ Close ──▶ closed months: revision 1, 2, …
//
// # Guarantees
//
//   - An answer is that of the ledger at the revision it names, whether or not the sums have caught up: interruptions of
//     usage points that changed since, or that are open, are counted from their rows, and take the place of what the
//     stored sums have of these usage points. A test recomputes everything from the ledger.
//   - Where the stored sums cannot serve (another revision, a policy or view that is not kept, a registry that moved
//     customers in the past and has not been settled yet) the answer is made from the ledger: slower, the same.
//   - Failures that only a counter knows are in no stored sum; they are added to each answer, as its revision has them.
//   - A closed month is never changed. Closing it again makes another revision, with the reason and with the difference
//     interruption by interruption; when nothing has changed there is none.
//
// # Failure
//
// A row that cannot be accounted ends the answer with *reliability.RowFault, and Settle leaves the sums as they were.
// Settle that fails is logged and tried again; answers stay right meanwhile. Of several head-ends one settles.
//
// # To extend it
//
// Another policy or kind of node to keep sums by is an entry of Options; the next Settle makes its sums.
package books
