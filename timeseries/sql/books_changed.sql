-- Usage points whose rows have changed after a revision, or were not over at a moment.
SELECT usage_point FROM interruption WHERE revision > $1
UNION SELECT usage_point FROM interruption_former WHERE until > $1
UNION SELECT usage_point FROM interruption WHERE NOT withdrawn AND ended > $2
UNION SELECT usage_point FROM interruption WHERE NOT withdrawn AND ended IS NULL
