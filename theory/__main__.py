"""`python -m theory [NAME ...]`: print the derivations and check every step; 1 if one fails."""

import sys

import jax

from theory.derivations import derivations
from theory.verify import Verdict, verify


def main(names: list[str]) -> int:
    """Print statement, hypotheses, steps, counterexamples and verdicts of the named theorems."""
    jax.config.update("jax_enable_x64", True)
    try:
        verdicts = verify(names or None)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    outcome = {(verdict.derivation, verdict.step): verdict for verdict in verdicts}
    for derivation in derivations():
        if names and derivation.name not in names:
            continue
        print(f"\n{derivation.title}\n{derivation.statement}\nSource: {derivation.source}")
        for hypothesis in derivation.hypotheses:
            print(f"  if {hypothesis.text}")
        for number, step in enumerate(derivation.steps, 1):
            mark = _mark(outcome[derivation.name, str(number)])
            print(f"{number:3}. {step.lhs}\n     {step.check.relation} {step.rhs}")
            print(f"     {step.reason} {mark}")
        for example in derivation.counterexamples:
            mark = _mark(outcome[derivation.name, f"without {example.hypothesis.name}"])
            print(f"  not {example.hypothesis.name}: {example.text} {mark}")
    failed = [verdict for verdict in verdicts if not verdict.ok]
    print(f"\n{len(verdicts) - len(failed)} of {len(verdicts)} checks hold")
    for verdict in failed:
        print(f"failed: {verdict.derivation}, {verdict.step} ({verdict.how})")
    return 1 if failed else 0


def _mark(verdict: Verdict) -> str:
    return f"[{'holds' if verdict.ok else 'FAILS'}, {verdict.how}]"


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        sys.exit(0)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = None
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
