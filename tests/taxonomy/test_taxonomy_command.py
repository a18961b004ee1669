"""What ``python -m taxonomy`` prints, and what bad input gets."""

import ast
import csv
import dataclasses
import io
import json
from pathlib import Path
import re
import subprocess
import sys

import pytest

from objectives.build import OBJECTIVES
from taxonomy.__main__ import main
from taxonomy.catalogue import CATALOGUE
from taxonomy.catalogue.method import FAMILIES, Method
from taxonomy.catalogue.papers import PAPERS
from taxonomy.equivalences import EQUIVALENCES

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def printed(capsys):
    def run(*argv):
        main(argv)
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


@pytest.mark.parametrize("options", [(), ("--sort=name",), ("--sort=year",), ("--sort=cost",), ("--family=integral",)])
def test_the_text_fits_the_terminal(printed, options):
    lines = printed(*options).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() for line in lines)


def test_the_table_groups_every_row_by_family(printed):
    lines = printed().splitlines()
    assert lines[0].split() == ["name", "rule", "velocity", "stopped", "step", "target", "cost", "year", "arXiv"]
    first = [line.split()[0] for line in lines[2 : lines.index("neighbours") + 2] if line]
    expected = []
    for family in FAMILIES:
        expected += [family, *(row.name for row in CATALOGUE.values() if row.family == family)]
    assert first == expected
    lsd = next(line for line in lines if line.startswith("lsd "))
    assert lsd.split() == ["lsd", "Lagrangian", "own", "velocity", "jvp", "current", "10", "2025", "2505.18825"]
    cd = next(line for line in lines if line.startswith("cd "))
    assert cd.split() == ["cd", "Eulerian", "teacher", "target", "finite", "EMA*", "6", "2023", "2303.01469"]


def test_columns_start_where_their_titles_do(printed):
    lines = printed("--sort=name").splitlines()
    for title in ("rule", "velocity", "stopped", "step", "target", "year", "arXiv"):
        column = lines[0].index(title)
        assert all(line[column - 1] == " " and line[column] != " " for line in lines[2 : 2 + len(CATALOGUE)])


@pytest.mark.parametrize("sort", ["name", "year", "cost"])
def test_rows_are_sorted(printed, sort):
    values = [row[sort] for row in json.loads(printed("--format=json", f"--sort={sort}"))]
    assert len(values) == len(CATALOGUE)
    assert values == sorted(values)


def test_one_family_alone(printed):
    rows = json.loads(printed("--format=json", "--family=progressive"))
    assert [row["name"] for row in rows] == [row.name for row in CATALOGUE.values() if row.family == "progressive"]


def test_json_holds_the_data(printed):
    rows = [Method(**row) for row in json.loads(printed("--format=json"))]
    assert rows == list(CATALOGUE.values())


def test_csv_holds_the_data(printed):
    rows = list(csv.DictReader(io.StringIO(printed("--format=csv"), newline="")))
    for row in rows:
        row["cost"], row["year"] = float(row["cost"]), int(row["year"])
    assert rows == [dataclasses.asdict(row) for row in CATALOGUE.values()]


def test_markdown_is_a_page_of_tables(printed):
    text = printed("--format=markdown")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    for line, row in zip(lines, CATALOGUE.values(), strict=True):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == 8
        assert cells[0] == f"`{row.name}`"
        assert all(part in cells[1] for part in (row.title, row.note, row.differs, PAPERS[row.paper].arxiv))
        formula = "\n".join(part.strip("`") for part in cells[2].replace("\\|", "|").split("<br>"))
        assert formula == row.formula
        assert cells[3:6] == [row.velocity, row.stop_gradient, row.times]
        assert ("teacher" in cells[6]) == (row.teacher != "none" or row.target == "teacher")
        assert float(cells[7]) == row.cost
    families = [line.removeprefix("## ").lower() for line in text.splitlines() if line.startswith("## ")]
    assert families == list(dict.fromkeys(row.family for row in CATALOGUE.values()))


def test_latex_cites_papers_that_exist(printed):
    text = printed("--format=latex")
    rows = [line for line in text.splitlines() if "\\cite" in line]
    assert len(rows) == len(CATALOGUE)
    assert all(line.count(" & ") == 7 and line.endswith("\\\\") for line in rows)
    assert set(re.findall(r"\\cite\{(\w+)\}", text)) == set(PAPERS)
    assert not re.search(r"(?<!\\)_", "\n".join(line.split("\\cite")[0] for line in rows))


@pytest.mark.parametrize("name", CATALOGUE)
def test_show_says_everything(printed, name):
    row, text = CATALOGUE[name], printed("show", name)
    paper = PAPERS[row.paper]
    flat = " ".join(text.split())
    shown = [
        row.title,
        row.formula,
        row.note,
        row.differs,
        row.stop_gradient,
        row.times,
        row.headline,
        row.code,
        row.translation,
    ]
    for value in (*shown, paper.title, paper.arxiv):
        assert " ".join(value.split()) in flat
    for one in EQUIVALENCES:
        assert (one.test in flat and one.statement in flat) or name not in (one.left, one.right)
    if name not in OBJECTIVES:
        assert "not trained by this project" in flat
        assert "experiments.train" not in flat
        return
    command = f"python -m experiments.train --config=experiments/configs/checkerboard.py:{name} --workdir=runs/{name}"
    assert command in text
    assert (f"{command} --config.teacher=exact" in text) == OBJECTIVES[name]().needs_teacher
    file, line = re.search(r"^row +(objectives/\S+\.py):(\d+)$", text, flags=re.MULTILINE).groups()
    assert (ROOT / file).read_text().splitlines()[int(line) - 1].startswith(f"def {OBJECTIVES[name].__name__}(")


def test_show_names_the_options(printed):
    assert re.search(r"^options +diagonal_share=0.75, times=triangle, ", printed("show", "lsd"), flags=re.MULTILINE)


def test_equivalences_are_listed_with_their_tests(printed):
    blocks = printed("equivalences").strip().split("\n\n")
    assert len(blocks) == len(EQUIVALENCES)
    for block, one in zip(blocks, EQUIVALENCES, strict=True):
        assert block.startswith(f"{one.left} -- {one.relation} -- {one.right}\n")
        assert one.statement in " ".join(block.split())
        assert block.endswith(f"    {one.test}")


@pytest.mark.parametrize("one", EQUIVALENCES, ids=lambda one: f"{one.left}-{one.right}")
def test_the_test_of_an_equivalence_exists(one):
    path, function = one.test.split("::")
    assert function in {node.name for node in ast.parse((ROOT / path).read_text()).body if hasattr(node, "name")}


def test_cite_gives_each_paper_once(printed):
    text = printed("cite", "lsd", "esd", "psd_m", "mean_flow")
    assert re.findall(r"@article\{(\w+),", text) == ["boffi2025build", "geng2025mean"]
    assert "author={Nicholas M. Boffi and Michael S. Albergo and Eric Vanden-Eijnden}," in text
    assert "eprint={2505.13447}," in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("show", "lds"), "no method is called 'lds'; did you mean "),
        (("cite", "lsd", "mean_flwo"), "no method is called 'mean_flwo'; did you mean mean_flow"),
        (("show", "###"), "known: flow_matching, "),
        (("--family=euler",), "argument --family: received 'euler'; expected one of direct, lagrangian, integral, "),
        (("--format=html",), "argument --format: received 'html'; expected one of text, markdown, csv, json, latex"),
        (("--sort=fid",), "argument --sort: received 'fid'; expected one of name, year, cost, family"),
        (("lsd",), "invalid choice: 'lsd' (choose from "),
        (("cite",), "the following arguments are required: name"),
        (("--fam=direct",), "unrecognized arguments: --fam=direct"),
    ],
)
def test_bad_input_is_answered_in_one_line(capsys, argv, message):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_reader_that_leaves_early_sees_no_traceback():
    command = [sys.executable, "-m", "taxonomy", "--format=json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_the_table_needs_neither_jax_nor_what_trains():
    code = "import sys; from taxonomy.__main__ import main; main([]); main(['cite', 'lsd']); main(['equivalences'])"
    check = "; assert not {'jax', 'numpy', 'objectives', 'experiments'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code + check], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
