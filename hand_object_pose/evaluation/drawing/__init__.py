"""Pictures of estimates: meshes over images, and meshes alone."""
