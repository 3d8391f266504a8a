"""The steps that make the default hand out of MakeHuman's CC0 body."""
