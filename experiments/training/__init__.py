"""From a configuration to trained weights, and back from their folder."""
