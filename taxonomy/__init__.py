"""The mathematics of flow maps: no network, no optimizer, no file.

One convention holds everywhere: t = 0 is noise, t = 1 is data; s is the source time, t the target time, u lies
between them; ``X_{s,t}(x) = x + (t - s) v_{s,t}(x)`` and ``v_{t,t} = b_t``. Callables take times first:
a flow map is given by its average velocity ``v(s, t, x)``, a velocity field by ``b(t, x)``. Times have shape
``[batch]`` and points ``[batch, ...]``.
"""
