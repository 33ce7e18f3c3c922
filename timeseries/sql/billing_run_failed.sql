UPDATE billing_run SET state = 'failed', reason = $2 WHERE number = $1
