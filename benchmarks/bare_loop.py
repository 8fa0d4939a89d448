"""What no notebook can beat: decode, the network, a JSON file, in one loop of one process.

`python -m benchmarks.bare_loop PICTURES WEIGHTS OUT` says `ready` when it has loaded the network,
begins with the next line that it reads, and says `done` at the loop's end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tycokit.vision import detectors, images


def main(pictures: Path, weights: Path, out: Path) -> None:
    detector = detectors.load(weights)
    files = sorted(pictures.iterdir())
    detector.detect(images.load(files[0]))
    print("ready", flush=True)
    sys.stdin.readline()
    for path in files:
        found = detector.detect(images.load(path))
        objects = [item.as_json() for item in found if item.score > 0.5]
        (out / f"{path.stem}.json").write_text(json.dumps({"objects": objects}))
    print("done", flush=True)


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:4]))
