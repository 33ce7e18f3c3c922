-- Installed meters without a reading by their clocks of the last day. Index: reading (meter, time), once a meter.
SELECT count(*) FROM (SELECT DISTINCT i.device FROM installation i WHERE i.valid_from <= now() AND now() < i.valid_to) i
WHERE NOT EXISTS (SELECT FROM reading r WHERE r.meter = i.device AND r.time > now() - INTERVAL '1 day')
