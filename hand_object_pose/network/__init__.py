"""The network: backbone, lixel heads, graph convolution, mutual attention, refinement. Needs torch."""
