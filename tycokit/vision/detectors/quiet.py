"""Importing TensorFlow without its greeting: a dozen lines about GPUs that are not there."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tycokit.vision.detectors import threads

# Lines that TensorFlow's and LiteRT's native code print on any machine without a GPU.
_GREETING = re.compile(
    rb"computation_placer|Unable to register cu|cuda_platform|cudart_stub|cpu_feature_guard"
    rb"|before absl::InitializeLog|oneDNN custom operations|To enable the following instructions"
    rb"|XNNPACK delegate|TF-TRT Warning|cuInit"
)


def tensorflow() -> Any:
    """The tensorflow module, imported when first asked for (it takes seconds)."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and greetings off
        with without_greeting():
            module = importlib.import_module("tensorflow")
            # one operation at a time: a second one would only wait for the first one's threads
            module.config.threading.set_intra_op_parallelism_threads(threads.count())
            module.config.threading.set_inter_op_parallelism_threads(1)
            module.config.list_physical_devices()  # greets once more, when it looks for GPUs
            return module
    return importlib.import_module("tensorflow")


@contextmanager
def without_greeting() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2, then pass on all but the greeting."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all, as in some services
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _GREETING.search(line):
                    os.write(2, line)
