-- Rows of the ledger as it is now. In place of the mark stand conditions and an order.
SELECT i.usage_point, u.id, i.id, i.revision, i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause,
       i.planned, i.own, i.declared, i.inferred, i.withdrawn, i.reason, i.written
FROM interruption i JOIN usage_point u ON u.number = i.usage_point
WHERE true /*picked*/
