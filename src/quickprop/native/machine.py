"""What the code writer must know of the machine it writes for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """A processor, as far as kernels care.

    Parameters
    ----------
    cpu, features, triple : str
        As LLVM names them.
    vector_bytes : int
        Width of a vector register: 64 (AVX-512), 32 (AVX2), 16 (NEON, SSE).
    vector_registers : int
        How many of them there are.
    """

    cpu: str
    features: str
    triple: str
    vector_bytes: int
    vector_registers: int

    @property
    def is_x86(self) -> bool:
        """True for x86-64."""
        return self.triple.startswith(("x86_64", "i686", "amd64"))

    @property
    def is_arm(self) -> bool:
        """True for 64-bit Arm."""
        return self.triple.startswith(("aarch64", "arm64"))

    @property
    def halves_vectors(self) -> bool:
        """True when a vector is worked on half by half, so that half a vector takes half the time.

        Zen 4 does so with vectors of 64 bytes (AMD, Software Optimization Guide for the AMD Zen4
        Microarchitecture, 2023).
        """
        return self.cpu == "znver4" and self.vector_bytes == 64

    def lanes(self, itemsize: int) -> int:
        """How many numbers of `itemsize` bytes one register holds."""
        return self.vector_bytes // itemsize

    @property
    def attributes(self) -> str:
        """The attribute group that every emitted function carries."""
        bits = self.vector_bytes * 8
        return (
            f'nounwind "target-cpu"="{self.cpu}" "target-features"="{self.features}" '
            f'"prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'
        )
