"""What a program writes to ``{output}``: each value as it is named, each label a text."""

from __future__ import annotations

import io
import json
import math
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fixbench.analysis import analyse
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.results import UNDECLARED, read_results

#: Decimal text → the double that it names, by its bits.
DOUBLES = {
    "0.1": 0x3FB999999999999A,
    "0.30000000000000004": 0x3FD3333333333334,
    "1e-320": 0x00000000000007E8,
    "4.9406564584124654e-324": 0x0000000000000001,
    "1.7976931348623157e308": 0x7FEFFFFFFFFFFFFF,
    "-0.0": 0x8000000000000000,
    "9007199254740993": 0x4340000000000000,
    "-2.5E+3": 0xC0A3880000000000,
}


def write(project: Path, content: str | bytes, before: str = "") -> None:
    """The toy's command copies this to ``{output}``."""
    data = content.encode() if isinstance(content, str) else content
    (project / "rows").write_bytes(data)
    file = project / "ablations" / "toy_command" / "ablation.yaml"
    old = "command: python measure.py {seed} {options} {output}"
    assert old in file.read_text()
    called = f"{before}cp {project}/rows {{output}} # {{seed}} {{options}}"
    file.write_text(file.read_text().replace(old, f"command: {json.dumps(called)}"))


def job(project: Path, seeds: tuple[int, ...] = (0,)) -> Path:
    output = project / "x.parquet"
    run_job(project, "toy_command", "cube", list(seeds), "smoke", output)
    return output


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("style", ["csv", "json lines", "texts in json lines", "parquet"])
def test_a_value_is_the_double_that_its_text_names(project: Path, style: str) -> None:
    rows = list(enumerate(DOUBLES))
    content: str | bytes
    if style == "csv":
        content = "metric,step,value\n" + "".join(f"mean,{n},{text}\n" for n, text in rows)
    elif style == "parquet":
        values = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in DOUBLES.values()]
        steps = list(range(len(values)))
        content = parquet(pa.table({"metric": ["mean"] * 8, "step": steps, "value": values}))
    else:
        quote = '"' * style.startswith("texts")
        content = "".join(
            f'{{"metric": "mean", "step": {n}, "value": {quote}{text}{quote}}}\n'
            for n, text in rows
        )
    write(project, content)
    found = read_results([job(project)])["value"].tolist()
    bits = [struct.unpack("<Q", struct.pack("<d", value))[0] for value in found]
    assert bits == list(DOUBLES.values())


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("metric,value\nmean,\n", "failed"),
        ("metric,value\nmean,NA\n", "failed"),
        ('{"metric": "mean", "value": null}', "failed"),
        (parquet(pa.table({"metric": ["mean"], "value": [None]})), "failed"),
        ("metric,value\nmean,nan\n", "diverged"),
        ("metric,value\nmean,-inf\n", "diverged"),
        ('{"metric": "mean", "value": NaN}', "diverged"),
        (parquet(pa.table({"metric": ["mean"], "value": [math.nan]})), "diverged"),
    ],
)
def test_blank_is_not_diverged(project: Path, content: str | bytes, status: str) -> None:
    write(project, content)
    frame = read_results([job(project)])
    assert frame[["metric", "status"]].to_numpy().tolist() == [["mean", status]]
    assert frame["value"].isna().all() or status == "diverged"


def test_a_header_alone_is_a_failed_seed_that_says_so(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(project, "metric,value\n")
    frame = read_results([job(project, (0, 1))])
    assert frame[["metric", "status"]].to_numpy().tolist() == [["run", "failed"]] * 2
    assert "seed 1: the command left no row of metrics in {output}" in capfd.readouterr().err


def test_what_is_not_declared_is_kept_and_not_judged(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = project / "ablations" / "toy_command" / "measure.py"
    script.write_text(
        script.read_text()
        + "\nwith open(output, 'a') as file:\n"
        + "    if seed == 1:\n        file.write('throws,0,nll,nan\\nthrows,0,lr,0.1\\n')\n"
    )
    files = []
    for variant in ("cube", "large"):
        files.append(project / f"{variant}.parquet")
        run_job(project, "toy_command", variant, [0, 1, 2], "smoke", files[-1])
    said = capfd.readouterr().err
    note = "note: kept and not judged, since the ablation does not declare them as metrics: 'nll'"
    assert said.count(f"{note}, 'lr'\n") == 1  # once a process, and so once a job
    kept = read_results(files, undeclared=True)
    assert sorted(kept.loc[kept["unit"] == UNDECLARED, "metric"]) == ["lr", "lr", "nll", "nll"]
    assert set(read_results(files)["metric"]) == {"mean"}
    # The seed whose undeclared metric is no number counts as any other.
    (claim,) = analyse(project / "ablations" / "toy_command", "smoke", files)
    assert claim.effect is not None
    assert claim.effect is not None
    assert (claim.effect.n, claim.effect.n_failed) == (3, 0)


#: What is written → the message.
BAD: dict[str | bytes, str] = {
    "metric,value\nmean,1e400\n": "row 1 of {output}: value is '1e400'; expected a number that a d",
    '{"metric": "mean", "value": 1' + "0" * 400 + "}": "expected a number that a double holds, or",
    "metric,value\nmean,1_000\n": "value is '1_000'; expected a number that a double holds, or nan",
    "metric,value\nmean,٣\n": "value is '٣'; expected a number that a double holds, or nan",
    "metric,step,value\nmean,1_0,1\n": "step is '1_0'; expected a whole number from 0 to",
    "metric,step,value\nmean,1e9999999,1\n": "step is '1e9999999'; expected a whole number from",
    "metric,stage,value\nmean,a\x07b,1\n": "stage is 'a\\x07b'; expected a text that can be pr",
    "metric,value\nmean,1\n/,1\n": "row 2 of {output}: metric is '/'; expected a name of printable",
    "metric,value\nmean,1\nsha,f00\n": "row 2 of {output}: value is 'f00'; expected a number that",
    "metric,value\nscore,1\n": "metric is 'score'; expected a metric that the ablation file decl",
    '{"metric": "mean", "value": 1, "value": 2}': "line 1: the key 'value' stands twice in one ob",
    '{"metric": "mean", "value": ' + "[" * 100_000 + "}": "expected metrics as CSV, JSON lines or",
    parquet(pa.table({"metric": ["mean"], "value": [[1.0]]})): "value is [1.0]; expected a number",
    parquet(pa.table([["mean"], [1.0], [2.0]], ["metric", "value", "value"])): "stands twice in",
}


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_a_row_that_cannot_be_accepted_is_refused_after_the_first_seed(
    project: Path, content: str | bytes
) -> None:
    write(project, content, before="echo {seed} >> ../../started; ")
    with pytest.raises(InputError) as caught:
        job(project, (3, 4, 5))
    assert BAD[content] in str(caught.value)
    assert "ablations/toy_command/ablation.yaml: command" in str(caught.value)
    assert (project / "started").read_text() == "3\n"
    assert not (project / "x.parquet").exists()


def test_a_row_of_a_system_is_refused_after_the_first_seed(project: Path) -> None:
    system = project / "ablations" / "toy" / "system.py"
    text = system.read_text()
    assert '"loss"' in text
    system.write_text(
        text.replace('"loss"', '"nll"') + "\n_run = run\ndef run(options, seed, context):\n"
        "    with open('started', 'a') as file:\n        file.write(f'{seed} ')\n"
        "    return _run(options, seed, context)\n"
    )
    with pytest.raises(InputError, match="metric is 'nll'; expected a metric that the ablation"):
        run_job(project, "toy", "fast", [0, 1, 2], "smoke", project / "x.parquet")
    assert (project / "started").read_text() == "0 "


def test_finished_seeds_are_kept_when_a_later_one_is_refused(project: Path) -> None:
    script = project / "ablations" / "toy_command" / "measure.py"
    script.write_text(
        "import os\n"
        + script.read_text()
        + "\nopen('../../started', 'a').write(f'{seed} ')\n"
        + "if seed == 2 and not os.path.exists('../../seen'):\n"
        + "    open('../../seen', 'w').close()\n"
        + "    with open(output, 'a') as file:\n        file.write('throws,1,mean,high\\n')\n"
    )
    with pytest.raises(InputError, match="value is 'high'"):
        job(project, (0, 1, 2))
    assert len(read_results([job(project, (0, 1, 2))])) == 3
    assert (project / "started").read_text() == "0 1 2 2 "
