-- Takes turns with the detector and other writers of the ledger.
SELECT FROM detection FOR UPDATE
