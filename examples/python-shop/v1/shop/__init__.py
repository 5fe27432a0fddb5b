"""Core of a small web shop. All amounts are integer cents."""
