"""HO3D, DexYCB and synthetic samples as benchmarks: whose frames, by which protocol, with which predictions."""
