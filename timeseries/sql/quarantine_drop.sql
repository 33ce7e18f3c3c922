DELETE FROM quarantine WHERE received < $1
