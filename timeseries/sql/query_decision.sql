-- Index: decision (outage); there are few others.
AND (d.outage = $1 OR d.other_outage = $1)
