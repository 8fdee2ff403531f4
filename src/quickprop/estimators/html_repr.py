"""The page that notebooks show: the diagram of the network beside the parameters."""

from __future__ import annotations


class EstimatorHtml:
    """Puts the diagram of a fitted network beside scikit-learn's table of parameters."""

    def _html_repr(self) -> str:
        table: str = super()._html_repr()  # type: ignore[misc]
        if not hasattr(self, "coefs_"):
            return table
        picture: str = self.network_.diagram().svg  # type: ignore[attr-defined]
        cell = '<div style="flex: 0 1 auto; max-width: 100%; overflow-x: auto">'
        return (
            '<div style="display: flex; flex-wrap: wrap; gap: 1em; align-items: flex-start">'
            f"{cell}{table}</div>{cell}{picture}</div></div>"
        )
