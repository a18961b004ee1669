"""What trains a flow map well or badly, without training: noise of targets and gradients, by method and term."""
