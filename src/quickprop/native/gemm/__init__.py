"""Matrix products: tiles in registers, operands packed into panels, work fused into their end."""
