"""Runs the benchmarks named, or all of them, and prints one JSON line a figure."""

import asyncio
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import benchmarks
from benchmarks import Figure

#: Modules that benchmarks share and that measure nothing themselves.
_HELPERS = frozenset({"__main__", "chain", "charging", "houses", "importing", "serving", "shops"})


def names() -> list[str]:
    """Return the benchmarks that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in _HELPERS)


def main(chosen: Sequence[str]) -> int:
    """Run; return 1 when a goal is missed, 2 for a name that there is none of."""
    unknown = set(chosen) - set(names())
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    missed = False
    for name in chosen or names():
        run: Callable[[], Coroutine[Any, Any, list[Figure]]] = importlib.import_module(f"benchmarks.{name}").run
        for figure in asyncio.run(run()):
            print(json.dumps({"benchmark": name, **figure.document()}), flush=True)
            missed |= figure.reached is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
