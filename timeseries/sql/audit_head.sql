-- The last entry, locked until the transaction ends, and the time of the next one.
SELECT number, hash, clock_timestamp() FROM audit_head FOR UPDATE
