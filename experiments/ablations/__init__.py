"""Published ablations as data: their rows, numbers and claims, and what two cores say of them."""
