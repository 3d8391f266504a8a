"""The real node in situations that befall a robot: what is played to it, what it says, when it is right again."""
