"""Networks with two times, the flow-map model around them, and how a trained map is sampled."""
