-- Rows of the ledger for accounting, those of one usage point together. In place of the marks stand which versions and
-- which rows.
SELECT usage_point, id, revision, outage, started, ended, phases, cause, planned, own, declared, inferred, withdrawn, reason
FROM (/*versions*/) i /*edge*/
WHERE true /*picked*/
ORDER BY usage_point
