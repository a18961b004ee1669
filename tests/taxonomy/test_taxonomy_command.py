"""What ``python -m taxonomy`` prints, and what bad input gets."""

import ast
import csv
import io
import json
from pathlib import Path
import re
import shlex
import subprocess
import sys

import pytest

from objectives.build import OBJECTIVES
from taxonomy import equivalences, facts, render, sources
from taxonomy.__main__ import main
from taxonomy.catalogue import CATALOGUE, FAMILIES, family_of
from taxonomy.catalogue.conventions import CONVENTIONS
from taxonomy.catalogue.papers import PAPERS
from taxonomy.catalogue.published import SETTINGS, TIMES
from taxonomy.equivalences import EQUIVALENCES

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def described():
    """Every method in the order of the table."""
    return [facts.describe(name) for name in OBJECTIVES]


def fields_of(method):
    return {field: getattr(method, field) for field in render.FIELDS}


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


@pytest.mark.parametrize("name", ["lsd", "imm", "progressive_distillation", "flow_matching"])
def test_a_method_is_shown_with_its_published_settings(printed, name):
    text = printed("show", name)
    shown = " ".join(text.split())
    for setting in SETTINGS[name]:
        assert f"{setting.name}: " in shown
        assert " ".join(setting.source.split()) in shown
        assert " ".join(setting.reason.split()) in shown
    for times in TIMES[name]:
        assert f"times of {times.term}" in shown
        assert f"s: mean {times.s.mean:.4f}" in shown
    lines = text.splitlines()
    start, end = (
        next(i for i, line in enumerate(lines) if line.startswith(f"{title} "))
        for title in ("published", "equivalences")
    )
    assert max(map(len, lines[start:end])) <= 100


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ct", "arXiv 2303.01469, App. C, divides by N"),
        ("consistency_fm", "which the class that reads the configuration ignores"),
        ("shortcut", "the public code's default, bootstrap_every = 8, is 0.875"),
        ("shortcut", "3/4 of the batch; the public code's default is 7/8"),
    ],
)
def test_where_a_paper_and_its_code_differ_it_is_said(printed, name, said):
    assert said in " ".join(f"{printed('show', name)} {OBJECTIVES[name].__doc__}".split())


def test_published_settings_have_three_formats(printed):
    text = printed("published", "lsd", "tvm")
    assert [line.split(":")[0] for line in text.splitlines() if line and line[0] != " "] == ["lsd", "tvm"]
    assert "  diagonal_share: 0.75." in text
    assert max(map(len, printed("published").splitlines())) <= 100
    found = json.loads(printed("published", "--format=json", "tvm"))
    assert [entry["name"] for entry in found] == ["tvm"]
    decay = next(setting for setting in found[0]["settings"] if setting["name"] == "decay")
    assert (decay["published"], decay["here"], decay["reason"]) == (0.99, None, "")
    assert found[0]["times"][1]["t"]["quartiles"] == [0.5323, 0.6741, 0.7925]
    page = printed("published", "--format=markdown")
    assert re.findall(r"^## `(\w+)`$", page, re.MULTILINE) == list(CATALOGUE)
    # Every row of a table has as many cells as its head.
    for block in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1, block


def test_the_table_groups_every_method_by_family(printed):
    lines = printed().splitlines()
    assert lines[0].split() == ["name", "rule", "velocity", "stopped", "step", "target", "cost", "year", "arXiv"]
    end = lines.index("", lines.index(FAMILIES[-1]))
    first = [line.split()[0] for line in lines[2:end] if line]
    expected = []
    for family in FAMILIES:
        expected += [family, *(name for name in OBJECTIVES if family_of(name) == family)]
    assert first == expected
    lsd = next(line for line in lines if line.startswith("lsd "))
    assert lsd.split() == ["lsd", "Lagrangian", "own", "velocity", "jvp", "current", "10", "2025", "2505.18825"]
    cd = next(line for line in lines if line.startswith("cd "))
    assert cd.split() == ["cd", "Eulerian", "teacher", "target", "finite", "current*", "6", "2023", "2303.01469"]


def test_columns_start_where_their_titles_do(printed):
    lines = printed("--sort=name").splitlines()
    for title in ("rule", "velocity", "stopped", "step", "target", "year", "arXiv"):
        column = lines[0].index(title)
        assert all(line[column - 1] == " " and line[column] != " " for line in lines[2 : 2 + len(CATALOGUE)])


@pytest.mark.parametrize("sort", ["name", "year", "cost"])
def test_methods_are_sorted(printed, sort):
    values = [method[sort] for method in json.loads(printed("--format=json", f"--sort={sort}"))]
    assert len(values) == len(CATALOGUE)
    assert values == sorted(values)


def test_one_family_alone(printed):
    found = [method["name"] for method in json.loads(printed("--format=json", "--family=progressive"))]
    assert found == [name for name in OBJECTIVES if family_of(name) == "progressive"]


def test_json_holds_the_data(printed, described):
    found = json.loads(printed("--format=json"))
    assert [{field: method[field] for field in render.FIELDS} for method in found] == list(map(fields_of, described))
    assert sorted(render.FIELDS) == sorted(vars(described[0]))
    for method in found:
        assert method["citation"]["bibtex"] == printed("cite", method["name"]).rstrip("\n")
        assert method["citation"]["arxiv"] in method["citation"]["bibtex"]


def test_json_holds_the_code_of_every_loss(printed):
    for method in json.loads(printed("--format=json")):
        shown = printed("show", method["name"])
        for loss in method["losses"]:
            source = (ROOT / loss["file"]).read_text()
            assert re.search(rf"{loss['file']}:\d+ {loss['name']}\b", shown)
            (function,) = ast.parse(loss["code"]).body
            assert function.name == loss["name"]
            # All that the file has, in its order, but the docstring.
            assert ast.get_docstring(function) is None
            (whole,) = (node for node in ast.parse(source).body if getattr(node, "name", None) == loss["name"])
            whole.body = whole.body[1:]
            assert ast.dump(function) == ast.dump(whole)


def test_csv_holds_the_data(printed, described):
    found = list(csv.DictReader(io.StringIO(printed("--format=csv"), newline="")))
    for method in found:
        method["cost"], method["year"] = float(method["cost"]), int(method["year"])
    assert found == [fields_of(method) for method in described]


def test_markdown_is_a_page_of_tables(printed, described):
    text = printed("--format=markdown")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    for line, method in zip(lines, described, strict=True):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == 8
        assert cells[0] == f"`{method.name}`"
        assert all(part in cells[1] for part in (method.title, method.note, method.differs, PAPERS[method.paper].arxiv))
        formula = "\n".join(part.strip("`") for part in cells[2].replace("\\|", "|").split("<br>"))
        assert formula == method.formula
        assert cells[3:6] == [method.velocity, method.stop_gradient, method.times]
        assert ("teacher" in cells[6]) == (method.teacher != "none" or method.target == "teacher")
        assert float(cells[7]) == method.cost
    families = [line.removeprefix("## ").lower() for line in text.splitlines() if line.startswith("## ")]
    assert families == list(dict.fromkeys(method.family for method in described))


def test_latex_cites_papers_that_exist(printed):
    text = printed("--format=latex")
    rows = [line for line in text.splitlines() if "\\cite" in line]
    assert len(rows) == len(CATALOGUE)
    assert all(line.count(" & ") == 7 and line.endswith("\\\\") for line in rows)
    assert set(re.findall(r"\\cite\{(\w+)\}", text)) == set(PAPERS)
    assert not re.search(r"(?<!\\)_", "\n".join(line.split("\\cite")[0] for line in rows))


@pytest.mark.parametrize("name", CATALOGUE)
def test_show_says_everything(printed, name):
    method, text = facts.describe(name), printed("show", name)
    paper = PAPERS[method.paper]
    flat = " ".join(text.split())
    shown = [
        method.title,
        method.formula,
        method.note,
        method.differs,
        method.stop_gradient,
        method.times,
        method.headline,
        method.code,
        method.translation,
    ]
    for value in (*shown, paper.title, paper.arxiv):
        assert " ".join(value.split()) in flat
    for one in EQUIVALENCES:
        assert (one.test in flat and one.statement in flat) or name not in (one.left, one.right)
    command = f"python -m experiments.train --config=experiments/configs/checkerboard.py:{name} --workdir=runs/{name}"
    assert command in text
    assert (f"{command} --config.teacher=exact" in text) == OBJECTIVES[name]().needs_teacher
    places = re.findall(r"^(?:losses|method)? +(objectives/\S+\.py):(\d+) (\w+)$", text, flags=re.MULTILINE)
    assert OBJECTIVES[name].__name__ in {function for _, _, function in places}
    for file, line, function in places:
        assert (ROOT / file).read_text().splitlines()[int(line) - 1].startswith(f"def {function}(")


@pytest.mark.parametrize(
    ("name", "losses", "case"),
    [
        ("lsd", {"direct": "flow_matching", "lagrangian": "lagrangian"}, "lsd"),
        ("mean_flow", {"direct": "flow_matching", "eulerian": "eulerian"}, "mean_flow"),
        ("sct", {"consistency_continuous": "trigflow"}, "scm"),
        ("imm", {"distributional": "moment_matching"}, "imm"),
    ],
)
def test_show_leads_to_the_loss_and_to_its_tests(printed, name, losses, case):
    text = printed("show", name)
    found = re.findall(r"^(?:losses)? +objectives/losses/(\w+)\.py:\d+ (\w+)$", text, flags=re.MULTILINE)
    assert dict(found) == losses
    file, line = re.search(rf"(tests/objectives/\S+\.py):(\d+) {case}$", text, flags=re.MULTILINE).groups()
    assert (ROOT / file).read_text().splitlines()[int(line) - 1].strip().startswith(f'"{case}": ')
    assert re.search(rf'python -m pytest tests/objectives -k "\[{name}.*"$', text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_method_has_a_loss_with_a_case(name):
    losses = sources.losses_of(OBJECTIVES[name]().terms)
    assert losses
    assert sources.cases_of(name, losses)


@pytest.mark.slow
def test_the_command_of_show_runs_the_contract(printed):
    command = next(line for line in printed("show", "sct").splitlines() if "python -m pytest" in line)
    command = [sys.executable, *shlex.split(command[command.index("python") :])[1:], "--collect-only", "-q"]
    collected = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "test_value_is_the_formula[scm]" in collected
    assert "test_value_is_the_formula[scm, warming up and normalized]" in collected
    assert "test_every_row_is_complete[sct]" in collected or "test_every_method_is_complete[sct]" in collected
    assert "[lsd]" not in collected


def test_show_without_tests_and_without_relations(printed, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "TESTS", tmp_path / "none")
    monkeypatch.setattr(equivalences, "EQUIVALENCES", ())
    text = printed("show", "lsd")
    assert re.search(r"^tests +not installed here; they are in the repository$", text, flags=re.MULTILINE)
    assert re.search(r"^equivalences +no known relation to another method$", text, flags=re.MULTILINE)
    assert "pytest" not in text


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


def test_a_translation_is_printed_in_all_conventions_and_in_one(printed):
    text = printed("translate", "mean_flow", "t=0.8", "r=0.3")
    assert re.search(r"^ours +s = 0.2 +t = 0.7 +1 x$", text, flags=re.MULTILINE)
    assert re.search(r"^edm +sigma = 4 +to = 0.428571 +5 x$", text, flags=re.MULTILINE)
    text = printed("translate", "edm", "sigma=0.5", "x=1.2,0", "D=0.9,0.5", "--to=lsd")
    assert re.search(r"^noise_at_zero +t = 0.666667 +0.8,0$", text, flags=re.MULTILINE)
    assert re.search(r"^ +noise_at_zero +v = 0.3,1.5, x1 = 0.9,0.5, eps = 0.6,-1, score = ", text, flags=re.MULTILINE)
    assert "trigflow" not in text
    assert "ddpm                  alpha_bar = 0, log_snr = -inf" in printed("translate", "ours", "t=0")


def test_symbols_name_every_convention_with_its_words(printed):
    text = printed("symbols")
    for name, one in CONVENTIONS.items():
        assert re.search(rf"^{name} +{re.escape(one.title)}$", text, flags=re.MULTILINE)
        assert one.to_ours in text


def test_relations_and_citations_need_neither_jax_nor_what_trains():
    code = "import sys; from taxonomy.__main__ import main; main(['cite', 'lsd']); main(['equivalences']); \
main(['translate', 'edm', 'sigma=1'])"
    check = "; assert not {'jax', 'numpy', 'objectives', 'experiments'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code + check], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
