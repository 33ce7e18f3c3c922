SELECT upto FROM billing_state
