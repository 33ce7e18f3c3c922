SET LOCAL work_mem = '64MB';
ANALYZE record_interruption
