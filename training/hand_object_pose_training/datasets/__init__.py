"""HO3D, DexYCB and other annotated images as one typed sample: readers, the exporter, prepared indices."""
