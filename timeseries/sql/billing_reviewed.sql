SELECT reviewed FROM billing_state
