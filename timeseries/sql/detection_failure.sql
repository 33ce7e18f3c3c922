-- What counters say beside the ledger and reaches into the time that is replayed. Index: failure_count (counted_to).
SELECT u.id, f.counted_from, f.counted_to, f.failures, f.known, f.short, f.overflow
FROM (SELECT DISTINCT ON (usage_point, counted_from, counted_to, short) * FROM failure_count WHERE counted_to >= $1
      ORDER BY usage_point, counted_from, counted_to, short, revision DESC) f
JOIN usage_point u ON u.number = f.usage_point
WHERE NOT f.withdrawn
ORDER BY u.id, f.counted_from, f.counted_to, f.short
