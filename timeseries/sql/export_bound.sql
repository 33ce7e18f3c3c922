-- Memory for the order of a slice; plans that pay for many rows; no compiling for a statement that is run again and again.
SELECT set_config('work_mem', '32MB', true), set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
