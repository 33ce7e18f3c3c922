-- Registers that were missing and came. Organisation, gateway and model are those that held in that hour, as when they
-- were counted; where the registry has changed since, the sum of another key may go beyond what is expected of it, so it is
-- held down.
UPDATE read_success s SET in_time = least(s.in_time + n.in_time, s.expected - s.late), late = least(s.late + n.late, s.expected - s.in_time)
FROM (
  SELECT l.hour, coalesce(v.organisation, 0) AS organisation, coalesce(d.gateway, 0) AS gateway, d.profile AS model, l.schedule, l.quantity,
         sum(l.in_time)::int AS in_time, sum(l.late)::int AS late
  FROM unnest($1::int[], $2::timestamptz[], $3::text[], $4::text[], $5::int[], $6::int[]) AS l (device, hour, schedule, quantity, in_time, late)
  JOIN device d ON d.number = l.device
  JOIN installation i ON i.device = l.device AND i.valid_from < l.hour + INTERVAL '1 hour' AND l.hour + INTERVAL '1 hour' <= i.valid_to
  JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from < l.hour + INTERVAL '1 hour' AND l.hour + INTERVAL '1 hour' <= v.valid_to
  GROUP BY 1, 2, 3, 4, 5, 6
) n
WHERE s.hour = n.hour AND s.organisation = n.organisation AND s.gateway = n.gateway AND s.model = n.model AND s.schedule = n.schedule AND s.quantity = n.quantity
