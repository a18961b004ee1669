"""From a trained map and noise to samples: samplers by name, classes, guidance."""
