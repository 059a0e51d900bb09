"""i2ibench: trains image-to-image translation methods under equal budgets and scores them under one protocol.

The public API, imported lazily so that `import i2ibench` costs nothing::

    import i2ibench

    spec = i2ibench.plan("pix2pix", "aerial2map", preset="small", budget=i2ibench.Budget(steps=1000))
    run = i2ibench.Run(spec, root=Path("runs"), device=torch.device("cuda"))
    run.perform()
    print(run.folder.result().scores)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i2ibench.adapter import Adapter as Adapter
    from i2ibench.adapter import MethodCard as MethodCard
    from i2ibench.boards.gather import find_results as find_results
    from i2ibench.boards.table import board as board
    from i2ibench.comparison import compare as compare
    from i2ibench.errors import BenchError as BenchError
    from i2ibench.foreign import score_folder as score_folder
    from i2ibench.metrics.metric import Metric as Metric
    from i2ibench.models.method import Batch as Batch
    from i2ibench.models.method import Method as Method
    from i2ibench.models.method import Update as Update
    from i2ibench.own_pictures import translate_folder as translate_folder
    from i2ibench.protocol import Protocol as Protocol
    from i2ibench.protocol import Score as Score
    from i2ibench.record import Budget as Budget
    from i2ibench.record import Result as Result
    from i2ibench.run import Run as Run
    from i2ibench.run import plan as plan
    from i2ibench.suite import SuiteRun as SuiteRun
    from i2ibench.suite import read_suite as read_suite
    from i2ibench.task import Task as Task

_HOMES = {
    "Adapter": "adapter",
    "Batch": "models.method",
    "BenchError": "errors",
    "Budget": "record",
    "Method": "models.method",
    "MethodCard": "adapter",
    "Metric": "metrics.metric",
    "Protocol": "protocol",
    "Result": "record",
    "Run": "run",
    "Score": "protocol",
    "SuiteRun": "suite",
    "Task": "task",
    "Update": "models.method",
    "board": "boards.table",
    "compare": "comparison",
    "find_results": "boards.gather",
    "plan": "run",
    "read_suite": "suite",
    "score_folder": "foreign",
    "translate_folder": "own_pictures",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'i2ibench' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"i2ibench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
