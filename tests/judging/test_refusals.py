"""Bad input: one message with the file, the place, what stands there and what would be right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fixbench.errors import InputError
from fixbench.judging import judge

Make = Callable[..., Any]
HEADER = "method,seed,accuracy"
GOOD = ["a,0,0.1", "a,1,0.2", "b,0,0.3", "b,1,0.4"]


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r.csv; expected a table with a header and at least one row"),
        (table(), "r.csv; expected a table with a header and at least one row"),
        (
            table(*GOOD, "a,0,0.9"),
            "r.csv:6: row; expected each value once: variant 'a' with seed 0 has 'accuracy' at "
            "r.csv:2 too",
        ),
        (
            table(
                *(f"{row},{k}" for k, row in enumerate(["a,0,x,1", "a,0,y,2"])),
                "b,0,x,3,4",
                header="method,seed,note,accuracy,k",
            ),
            "r.csv:3: row; expected each value once: variant 'a' with seed 0 has 'accuracy' at "
            "r.csv:2 too; the rows differ in 'note', 'k', which --variant, --seed or --stage can "
            "name",
        ),
        (
            table(*GOOD, header="method,sede,accuracy"),
            "r.csv: column is 'sede'; expected a name that says what it is: each variant has the "
            "same whole numbers in it, once each, as seeds are; say --seed sede, or name the "
            "metrics with --metric",
        ),
        (
            table(*GOOD, "b,2,1,5"),
            "r.csv:6: number of values is 4; expected 3 values, as many as the header has columns",
        ),
        (
            table(*GOOD, header="method,seed,seed"),
            "r.csv: header is 'seed'; expected each column once; it is there twice",
        ),
        (
            table(*GOOD, "b,2,0.5 ± 0.1"),
            "r.csv:6: accuracy is '0.5 ± 0.1'; expected the value of one run: a mean with its "
            "spread cannot be tested against another",
        ),
        (
            table(*GOOD, "b,2,O.5"),
            "r.csv:6: accuracy is 'O.5'; expected a number; nothing; or nan, diverged, oom, failed "
            "or undefined, which say why there is none",
        ),
        (
            table(*GOOD, ",2,0.5"),
            "r.csv:6: method is ''; expected a label; which variant, seed, metric or stage a row "
            "is of cannot be blank",
        ),
        (
            table("a,0,0.1", "a,1,0.2"),
            "r.csv: variants is 'a'; expected at least two variants, one of which is the baseline",
        ),
        (
            table("a,01,0.1", "a,1,0.2", "b,01,0.3"),
            "r.csv: seed is '1'; expected one way of writing a seed; '01' is the same number",
        ),
        (
            table("0,0.1,0.2", "1,0.1,0.2", header="seed,accuracy,loss"),
            "r.csv: columns is ['seed', 'accuracy', 'loss']; expected a column that says which "
            "variant a row is of, such as 'method'; name it with --variant, or the columns that "
            "are a variant each with --methods",
        ),
        (
            table("a,0,x", "b,0,y", header="method,seed,note"),
            "r.csv: columns is ['method', 'seed', 'note']; expected a column of numbers that is a "
            "metric; name it with --metric",
        ),
        (
            table("a,0,", "b,0,"),
            "r.csv: columns is ['method', 'seed', 'accuracy']; expected a column of numbers that "
            "is a metric; name it with --metric",
        ),
        (
            table("a,0,loss,1,2", "b,0,loss,1,2", header="method,seed,metric,x,y"),
            "r.csv: columns is ['method', 'seed', 'metric', 'x', 'y']; expected a column of the "
            "values of 'metric'; name it with --value",
        ),
        (
            table(
                "a,0,1,0.5",
                "b,0,end,0.5",
                "b,0,2,0.6",
                "a,0,2,0.6",
                header="method,seed,epoch,accuracy",
            ),
            "r.csv:3: epoch is 'end'; expected a number, by which the values of a run are ordered",
        ),
        (
            table("a,0,0.5,finished", "b,0,0.5,odd", header="method,seed,accuracy,status"),
            "r.csv:3: status is 'odd'; expected one of finished, diverged, out_of_memory, failed, "
            "time_limit, undefined",
        ),
        (
            table(
                "a,0,0.1,0.5",
                "a,0,0.2,0.6",
                "b,0,0.1,0.6",
                "b,0,0.2,0.8",
                header="method,seed,lr,accuracy",
            ),
            "r.csv:3: row; expected each value once: variant 'a' with seed 0 has 'lr' at r.csv:2 "
            "too; the rows differ in 'lr', which --variant, --seed or --stage can name",
        ),
        (
            table("a;0;0,5", "b;0;0,7", header="method;seed;accuracy"),
            "r.csv:2: accuracy is '0,5'; expected a number with a decimal point",
        ),
        (
            table("a,0.5 ± 0.1", "b,0.6 ± 0.1", header="method,accuracy"),
            "r.csv:2: accuracy is '0.5 ± 0.1'; expected the value of one run: a mean with its "
            "spread cannot be tested against another",
        ),
        (
            table("a,0,1", "b,0,2", header="method,seed,loss*"),
            "r.csv:2: header is 'loss*'; expected a name of printable characters, with text before "
            "and after each '/'; '*' stands only at the end of a family's name, after '/'",
        ),
        ('a,b\n"x', "r.csv:2; expected CSV (unexpected end of data)"),
    ],
)
def test_a_table_that_is_wrong_is_refused(
    text: str, message: str, write: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("r.csv", text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        judge("r.csv", pages=False)
    assert str(caught.value) == message
    assert not (tmp_path / "fixbench-report").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.json", "{", "JSON (Expecting property name"),
        ("r.json", '{"a": 1}\n{"a": \n', "r.json:2; expected JSON"),
        ("r.json", "3", "a list of objects, an object of lists of equal length, or JSON lines"),
        ("r.json", "[1, 2]", "r.json row 1 is '1'; expected one object for each row"),
        ("r.json", '[{"a": [1]}]', "r.json row 1: a is ['1']; expected one value, not a list"),
        ("r.parquet", "not one", "expected a complete Parquet file"),
        ("r.xlsx", "x", "a file that ends in one of .csv, .tsv"),
    ],
)
def test_a_file_that_is_wrong_is_refused(
    name: str, content: str, message: str, write: Make, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        judge(write(name, content), directory=tmp_path / "out", pages=False)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes("method,seed,accuracy\nmüde,0,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="text in UTF-8; byte 22 is none"):
        judge(tmp_path / "r.csv", directory=tmp_path, pages=False)


@pytest.mark.parametrize("source", ["nothing.csv", "no/*.csv"])
def test_a_file_that_is_not_there_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        judge(tmp_path / source, directory=tmp_path, pages=False)
    assert str(caught.value) == (
        f"{tmp_path / source}; expected a file that is there, or a pattern of some"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"baseline": "basline"},
            "--baseline is 'basline'; expected a variant: did you mean 'baseline'? there are "
            "'baseline', 'mixup', 'cutout'",
        ),
        (
            {"better": {"acuracy": "higher"}},
            "--better is 'acuracy'; expected a metric: did you mean 'accuracy'? there are "
            "'accuracy', 'loss'",
        ),
        (
            {"margin": {"f1": 0.1}},
            "--margin is 'f1'; expected a metric: there are 'accuracy', 'loss'",
        ),
        (
            {"margin": -1.0},
            "--margin is -1.0; expected a positive number, the smallest difference that matters",
        ),
        (
            {"variant": "metod"},
            "--variant is 'metod'; expected a column of frame: did you mean 'method'? there are "
            "'method', 'seed', 'accuracy', 'loss'",
        ),
        (
            {"variant": "method", "seed": "method"},
            "--seed is 'method'; expected a column that has no other role",
        ),
        (
            {"name": "a b"},
            "--name is 'a b'; expected letters, digits and '_.-', since files are called so",
        ),
        ({"reader": "nothing"}, "--reader is 'nothing'; expected one of "),
        ({"claims": "nowhere.yaml"}, "--claims is 'nowhere.yaml'; expected a claims.yaml that is"),
    ],
)
def test_an_option_that_is_wrong_is_refused(
    options: dict[str, Any], message: str, wide: pd.DataFrame, tmp_path: Path
) -> None:
    results: Any = tmp_path if "reader" in options else wide
    with pytest.raises(InputError) as caught:
        judge(results, directory=tmp_path / "out", pages=False, **options)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("results", [3, {"a": [1]}, [], pd.Series([1.0])])
def test_what_is_no_table_is_refused(results: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        judge(results, directory=tmp_path, pages=False)


def test_a_folder_that_no_reader_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"or a pattern of files such as 'runs/\*.csv'"):
        judge(tmp_path, directory=tmp_path / "out", pages=False)


def test_metrics_that_no_two_variants_share_leave_nothing_to_compare(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [("a", 0, "loss", 1.0), ("b", 0, "accuracy", 0.5)],
        columns=["method", "seed", "metric", "value"],
    )
    with pytest.raises(InputError, match="a metric that the baseline and another variant both"):
        judge(frame, directory=tmp_path, pages=False)


def test_a_metric_that_a_variant_lacks_is_named(wide: pd.DataFrame, tmp_path: Path) -> None:
    frame = wide.astype(object)
    frame.loc[frame["method"] == "cutout", "loss"] = None
    judged = judge(frame, directory=tmp_path, pages=False)
    assert len(judged.results) == 3
    assert judged.proposal.left_out == ["cutout, loss: not measured of cutout"]
    assert "no claim  cutout, loss: not measured of cutout" in str(judged)
