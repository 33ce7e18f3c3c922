INSERT INTO decision (kind, made, by, note, outage, node, usage_point, moment, cause, part, other_outage, other_node, other_point, other_moment)
VALUES ($1, coalesce($2::timestamptz, now()), $3, $4, $5, (SELECT number FROM node WHERE id = $6), (SELECT number FROM usage_point WHERE id = $7), $8, $9,
        (SELECT number FROM node WHERE id = $10), $11, (SELECT number FROM node WHERE id = $12), (SELECT number FROM usage_point WHERE id = $13), $14)
RETURNING number, made
