"""Whether results were made by what the ablation says now.

A file of results may lie at its place and be another job's: of other options, left over from
before an edit, copied from another variant, changed by hand. Its metadata say what the job was
asked, and the job's provenance record has the SHA-256 of what it wrote. Both are compared before
a verdict rests on the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fixbench.ablation import AblationInTier, flatten
from fixbench.errors import InputError
from fixbench.provenance import file_hash, read_provenance

__all__ = ["check_options", "check_records"]

_AGAIN = "delete the file and run the job again"


def check_options(
    path: Path, variant: str, forms: Iterable[Mapping[str, Any]], in_tier: AblationInTier
) -> None:
    """Refuse results of a variant that were made with other options than it has now.

    Args:
        forms: the options in the metadata of ``path``.

    Raises:
        InputError: an option differs; the message names it.
    """
    # Through JSON, as the metadata went.
    now = flatten(json.loads(json.dumps(in_tier.options(variant))))
    for form in forms:
        made = flatten(form)
        for key in sorted({*made, *now}):
            if made.get(key, _ABSENT) != now.get(key, _ABSENT):
                expected = f"{_shown(now, key)}, as variant {variant!r} has it now; {_AGAIN}"
                raise InputError(path, f"options.{key}", _shown(made, key), expected=expected)


_ABSENT = object()


def _shown(options: Mapping[str, Any], key: str) -> str:
    return repr(options[key]) if key in options else "no such option"


def check_records(
    metadata: Mapping[Path, Mapping[str, Any]], records: Sequence[Path], code: str
) -> None:
    """Refuse results that no record of a job speaks of, or of which it says something else.

    Args:
        metadata: file of results → its metadata.
        records: provenance records of the jobs that wrote them, in any order.
        code: the hash of the code by which the ablation's jobs would run now.

    Raises:
        InputError: a file, or the state beside it, is not as its job wrote it or is a copy of
            another, its record is another variant's, or the job ran other code.
    """
    known: dict[str, tuple[Path, dict[str, Any]]] = {}
    for record in records:
        content = read_provenance(record)
        for digest in content.get("outputs", {}).values():
            known[digest] = record, content
    by_content: dict[str, Path] = {}
    for path, asked in metadata.items():
        digest = file_hash(path)
        if (other := by_content.setdefault(digest, path)) != path:
            # A copy is the one that does not lie in the folder of its variant.
            copy, original = (
                (path, other) if path.parent.name != asked["variant"] else (other, path)
            )
            expected = f"results of its own, not the bytes of {original}; {_AGAIN}"
            raise InputError(copy, "", expected=expected)
        found = known.get(digest)
        if found is None:
            expected = f"the file that its job wrote: no record has its SHA-256; {_AGAIN}"
            raise InputError(path, "", expected=expected)
        record, content = found
        for key in ("ablation", "variant", "tier", "seeds", "data_seed"):
            if content.get(key) != asked.get(key):
                expected = f"{asked.get(key)!r}, as {path} says that this record speaks of"
                raise InputError(record, key, content.get(key), expected=f"{expected}; {_AGAIN}")
        ran = content.get("code", {}).get("sha256")
        if ran != code:
            expected = f"{code[:12]}…, the code of this checkout; run the job of {path} again"
            raise InputError(record, "code.sha256", f"{str(ran)[:12]}…", expected=expected)
        _check_state(path.with_suffix(".state"), content.get("outputs", {}))


def _check_state(state: Path, outputs: Mapping[str, str]) -> None:
    """Refuse a state beside results that is not as the same job wrote it; it may have been deleted.

    Verdicts do not rest on it, but whoever reads or stores it later takes it for that job's.
    """
    written = [digest for name, digest in outputs.items() if Path(name).name == state.name]
    if written and state.exists() and file_hash(state) not in written:
        expected = "the state that its job wrote: its record has another SHA-256; delete the file, "
        expected += "and the results beside it to have both made again"
        raise InputError(state, "", expected=expected)
