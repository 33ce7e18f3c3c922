-- The last revision of the ledger. Whoever writes one holds this row, so they become visible in their order.
SELECT revision FROM detection
