"""Tables, pictures and what a command writes into a folder."""
