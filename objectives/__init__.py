"""One pure function per loss: arrays and callables in, one number per example out.

No key, no config, no network inside: whatever is random is drawn before, weights and means are applied after, in
``mixture``. ``v`` is what is differentiated; ``b`` or ``w`` is what only makes the target, even where both are the
same network. ``build`` is the table from a published name to the terms that train it.
"""
