"""The demo: a bag goes into the real node over DDS, and what comes out is compared with the truth."""
