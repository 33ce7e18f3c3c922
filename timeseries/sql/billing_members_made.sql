UPDATE billing_state SET members = $1
