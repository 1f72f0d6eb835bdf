"""What `scripts/fuzz.py` tries, and how it tells good from bad."""
