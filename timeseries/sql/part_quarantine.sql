SELECT q.* FROM quarantine q WHERE q.device IN (SELECT id FROM part.device)
