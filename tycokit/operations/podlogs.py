"""Which logs of which pods somebody means who names a pipeline, a pod or an application."""

from __future__ import annotations

from tycokit.errors import OperationsError
from tycokit.operations.pods import Excerpt, Reading


def excerpts(
    reading: Reading, what: str, pipeline: str = "", *, follow: bool = False, tail: int = 0
) -> tuple[Excerpt, ...]:
    """The logs of all containers of the pods that `what` names: a pod, or an application, or a
    pipeline, which is called `pipeline` in the reading, where that is not the same.

    Of one that has crashed it is the log of the one before: there it says why. Raises
    OperationsError where there is no such pod, or where none of its containers has begun.
    """
    pipeline = pipeline or what
    named = [
        pod
        for pod in reading.pods
        if pod.name == what or pod.group == (pipeline if pod.worker else what)
    ]
    if not named:
        groups = ", ".join(sorted({pod.group for pod in reading.pods})) or "none"
        raise OperationsError(f"there is no pod {what} or of {what} (there are those of: {groups})")
    found = tuple(
        Excerpt(pod.name, one.name, follow and not one.crashed, tail, previous=one.crashed)
        for pod in named
        for one in pod.containers
        if one.state != "waiting" or one.crashed  # else it has not begun, and said nothing
    )
    if not found:
        raise OperationsError(
            f"no container of {what} has begun, so none has said anything: `tycokit doctor` tells"
            " what they wait for"
        )
    return found
