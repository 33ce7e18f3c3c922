UPDATE account SET role = $2, organisations = $3, language = $4, disabled = $5, subject = nullif($6, '') WHERE number = $1
