"""A bag played into the real node over DDS: its processes, what was heard of it, counts and latencies."""
