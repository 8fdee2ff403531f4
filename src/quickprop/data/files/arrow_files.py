"""Parquet and Arrow IPC, by polars."""

from __future__ import annotations

import polars as pl

from quickprop.data.files.source import Found, Source


def read_parquet(source: Source) -> Found:
    """Read a Parquet file."""
    return Found(pl.read_parquet(source.raw))


def read_ipc(source: Source) -> Found:
    """Read the Arrow IPC file format, or else the stream format."""
    if source.raw.startswith(b"ARROW1"):
        return Found(pl.read_ipc(source.raw))
    return Found(pl.read_ipc_stream(source.raw))
