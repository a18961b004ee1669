"""How well maps that are told a path of noise, or a point on the way, do what they are told."""
