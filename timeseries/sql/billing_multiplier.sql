SELECT usage_point, numerator, denominator, nullif(valid_from, 'epoch'), nullif(valid_to, 'infinity') FROM multiplier WHERE usage_point = ANY ($1) ORDER BY usage_point, valid_from
