"""The programs that this process has compiled."""

import jax

COMPILATIONS: list[str] = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **details: COMPILATIONS.append(event) if "backend_compile" in event else None
)
