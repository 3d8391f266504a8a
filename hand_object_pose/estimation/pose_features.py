"""What an estimate of an object's pose tells about its own error: numbers that are known when it is published."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
