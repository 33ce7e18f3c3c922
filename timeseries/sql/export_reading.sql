-- Readings of devices in a slice of time, as binary rows in the order of device and time. COPY takes no parameters: the
-- marks stand for numbers and times that the program wrote, and for columns of its own. Index: the primary key (meter,
-- time); reading_time.
COPY (
  SELECT meter, time, received, quality/*columns*/
  FROM reading
  WHERE /*where*/ /*wanted*/
  ORDER BY meter, time /*limit*/
) TO STDOUT (FORMAT binary)
