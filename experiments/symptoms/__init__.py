"""Symptoms of docs/symptoms.md: faults that are made on purpose, beside what they are with the cure."""
