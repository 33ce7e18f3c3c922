SELECT d.changes, b.members = d.changes FROM duty_state d, billing_state b
