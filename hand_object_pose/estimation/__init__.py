"""What happens to one frame: region of interest, root depth, network call, lifting, smoothing, contacts."""
