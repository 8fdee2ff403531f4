"""A room of quickprop."""
