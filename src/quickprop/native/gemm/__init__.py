"""Matrix products: tiles in registers, operands packed into panels, work fused into their end."""

from quickprop.native.gemm.batch import BatchProductKernel
from quickprop.native.gemm.packing import PackKernel, needs_packing, panel_memory
from quickprop.native.gemm.product import ProductKernel
from quickprop.native.gemm.tiles import USUAL_ROWS

__all__ = [
    "USUAL_ROWS",
    "BatchProductKernel",
    "PackKernel",
    "ProductKernel",
    "needs_packing",
    "panel_memory",
]
