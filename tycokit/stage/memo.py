"""What IPython makes of a cell before it runs, remembered from one datum to the next.

The cells of a stage are the same for each datum. Transforming and compiling them anew takes longer
than most of them run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from types import CodeType
from typing import Any, Generic, TypeVar

from ipykernel.compiler import XCachingCompiler
from IPython.core.inputtransformer2 import TransformerManager

V = TypeVar("V")


class Memo(Generic[V]):
    """Values by key; what neither this nor the last run asked for is forgotten."""

    def __init__(self) -> None:
        self._now: dict[Hashable, V] = {}
        self._before: dict[Hashable, V] = {}

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key, made if it is not known."""
        if key not in self._now:
            self._now[key] = self._before[key] if key in self._before else make()
        return self._now[key]

    def turn(self) -> None:
        """A new run begins."""
        self._now, self._before = {}, self._now


class RememberingCompiler(XCachingCompiler):
    """A kernel's compiler that remembers.

    `changed` says whether trees are changed before they are compiled, so that none may be kept.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.changed: Callable[[], bool] = lambda: False
        self._names: Memo[str] = Memo()
        self._trees: Memo[ast.Module] = Memo()
        self._codes: Memo[tuple[CodeType, int]] = Memo()

    def turn(self) -> None:
        """A new run begins."""
        for memo in (self._names, self._trees, self._codes):
            memo.turn()

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        """The file name of a cell, which is a slow hash of its source, and shows in warnings."""
        name: Callable[..., Any] = super().get_code_name
        return self._names.get(raw_code, lambda: str(name(raw_code, code, number)))

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> Any:
        """The syntax tree of a cell."""
        if symbol != "exec" or self.changed():
            return super().ast_parse(source, filename, symbol)
        key = source, filename, self.flags
        parse: Callable[..., Any] = super().ast_parse
        tree = self._trees.get(key, lambda: parse(source, filename, symbol))
        # IPython may add to the list of statements
        return ast.Module(list(tree.body), tree.type_ignores)

    def __call__(self, source: Any, filename: str, symbol: str, **options: Any) -> Any:
        """Compile one statement of a tree, as IPython runs them."""
        compiled = super().__call__
        body = getattr(source, "body", None)
        if not isinstance(body, list) or len(body) != 1 or options or self.changed():
            return compiled(source, filename, symbol, **options)

        def make() -> tuple[CodeType, int]:
            return compiled(source, filename, symbol), self.flags

        # a statement that is kept stays itself, so it can be its own key
        code, self.flags = self._codes.get((body[0], filename, symbol, self.flags), make)
        return code


class RememberingTransformers(TransformerManager):  # type: ignore[misc,unused-ignore]
    """IPython's own transformations of a cell's text, remembered; with a user's among them, not."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._texts: Memo[str] = Memo()
        self._own = self._all()

    def turn(self) -> None:
        """A new run begins."""
        self._texts.turn()

    def transform_cell(self, cell: str) -> str:
        """The cell as Python source."""
        transform = super().transform_cell
        if self._all() != self._own:
            return str(transform(cell))
        return self._texts.get(cell, lambda: str(transform(cell)))

    def _all(self) -> list[Any]:
        return [*self.cleanup_transforms, *self.line_transforms, *self.token_transformers]
