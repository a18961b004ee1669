"""Numbers about samples and about maps, whoever made them."""
