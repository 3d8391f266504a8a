"""How many threads linear algebra may use."""

import os


def one_blas_thread() -> None:
    """Keep NumPy's linear algebra to one thread, unless the user has chosen; to be called before NumPy is imported.

    Matrices here are small. On a busy machine the threads of one product wait for each other many times longer than
    they work: the fit to the depth image took 118 ms instead of 9.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
