"""Known objects: CAD meshes by name, symmetries, preprocessing."""
