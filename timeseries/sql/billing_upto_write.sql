UPDATE billing_state SET upto = $1
