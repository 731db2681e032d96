"""`python tests/changed_derivations.py [--write] FILE`: verify the derivations that have changed.

`--write` notes a digest of each derivation in FILE. Without it, those whose digest differs are
verified one after the other until a check fails; then the code is 1 and one line names it.
"""

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

import jax

from theory import derivations, verify


def digests() -> dict[str, str]:
    """Derivation → digest of all it says."""
    return {one.name: hashlib.sha256(repr(one).encode()).hexdigest() for one in derivations()}


def main(arguments: list[str]) -> int:
    jax.config.update("jax_enable_x64", True)
    path = Path(arguments[-1])
    if arguments[0] == "--write":
        path.write_text(json.dumps(digests()))
        return 0
    before, now = json.loads(path.read_text()), digests()
    for name in now:
        if before.get(name) != now[name]:
            for verdict in verify([name]):
                if not verdict.ok:
                    print(f"failed: {name}, {verdict.step} ({verdict.how})")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
