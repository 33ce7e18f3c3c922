-- Events since a time by the devices' clocks; the chunks of that time are read.
SELECT device, coalesce(gateway, 0), time, type, seq, detail, duration, phases, quality, received
FROM event WHERE time >= $1
