"""One pure function per loss, one file per rule: arrays and callables in, one squared residual per example out."""
