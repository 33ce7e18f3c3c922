SELECT class, day, minute, share FROM load_profile ORDER BY class, day, minute
