"""Time per step against counted cost, the machine's peak and flow matching."""
