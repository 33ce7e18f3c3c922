SELECT subject, over, face FROM webhook_told WHERE subject = ANY ($1)
