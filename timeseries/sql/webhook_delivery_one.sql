AND d.webhook = $1 AND d.number = $2
