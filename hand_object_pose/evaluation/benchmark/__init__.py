"""Published benchmarks: what each protocol measures, the numbers that papers print, ours beside them."""
