"""The pages of a study: every photo once, every link alive, every number the analysis' own."""

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pytest
import torch
from typer.testing import CliRunner

from annealcam.cli.main import app
from annealcam.errors import ArgumentError, OutputError
from annealcam.metrics.resampling import bootstrap_overlap
from annealcam.pipeline import explain
from annealcam.study.analysis.overlap import ImageGroups, class_overlaps
from annealcam.study.analysis.rows import Rows
from annealcam.study.config import study_of
from annealcam.study.pages import explained, overview
from annealcam.study.pages.loaded import load_study
from annealcam.study.pages.matrices import _resampled, pair_intervals, panels
from annealcam.study.pages.photos import photos_of
from annealcam.study.pages.report import write_report
from annealcam.study.run.engine import run_study
from tests.study.runs import photo_folder, renamed, run_folder
from tests.study.tables import study_table

SETTINGS = (("paper-16", "block"), ("paper-24", "block"))
HOSTILE = '<img src=x onerror="alert(1)">&amp;\x00\u202e../../\'"</script><script>alert(2)//'


# Of figures: how many there are depends on the room that names leave.
DRAWN = ("g", "use", "path", "defs", "text", "rect", "tspan")


class Links(HTMLParser):
    """All addresses, ids and element names of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.links, self.ids, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        for key, value in attrs:
            if key in ("href", "src", "srcset", "action", "poster", "data"):
                self.links.append(value)
            if key == "id":
                self.ids.append(value)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    table = renamed(study_table(settings=SETTINGS, images=3), image=lambda name: f"{name}.png")
    top = tmp_path_factory.mktemp("study")
    photos = photo_folder(top / "photos", set(table["image"].to_pylist()))
    data = {"name": f"folder:{photos}", "part": "all"}
    return run_folder(top / "run", table, data=data)


@pytest.fixture
def without_figures(monkeypatch):
    """Drawing them is most of the time that a report takes."""
    monkeypatch.setattr(overview, "plots_of", lambda *_: iter(()))


@pytest.fixture(scope="module")
def report(run):
    write_report(run)
    return run / "report"


def pages_of(folder):
    return {path: Links(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


def assert_links_are_alive(folder):
    """Every link leads into the folder, to a file (and a place in it) that is there."""
    pages = pages_of(folder)
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), f"{path.name}: an id twice"
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            assert parts.scheme + parts.netloc == "", f"{path.name} leads to {link}"
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert to.is_relative_to(folder.resolve()), f"{path.name} leads out: {link}"
            assert to.is_file(), f"{path.name}: {link}"
            if parts.fragment:
                assert parts.fragment in pages[to].ids, f"{path.name}: {link}"
    return pages


def test_links_are_alive_and_every_photo_has_one_page(report, run):
    pages = assert_links_are_alive(report)
    table = load_study(run).table
    index = pages[report / "index.html"]
    hrefs = [link for link in index.links if link.startswith("photos/")]
    names = set(zip(table["class"].to_pylist(), table["image"].to_pylist(), strict=True))
    assert len(hrefs) == len(set(hrefs)) == len(names) == 9
    assert {report / href for href in hrefs} == set((report / "photos").iterdir())
    assert len([link for link in index.links if link.startswith("thumbs/")]) == len(names)
    assert all(attrs.get("alt") for page in pages.values() for tag, attrs in page.tags
               if tag == "img")  # fmt: skip


def test_previous_and_next_go_through_all_photos(report):
    pages = pages_of(report)
    index = pages[report / "index.html"]
    order = [link for link in index.links if link.startswith("photos/")]
    at, visited = report / order[0], []
    while at is not None:
        visited.append(f"photos/{at.name}")
        rels = {attrs.get("rel"): attrs["href"] for tag, attrs in pages[at].tags if tag == "a"}
        at = at.parent / rels["next"] if "next" in rels else None
    assert visited == order


def test_matrices_are_the_analysis(run):
    loaded = load_study(run)
    table = loaded.results["overlap_matrix"]
    drawn = panels(loaded.results, loaded.table, loaded.study)
    assert [panel.name for panel in drawn] == ["paper-16, layer block", "paper-24, layer block"]
    overlaps = {}
    for row in table.to_pylist():
        pairs = overlaps.setdefault((row["model"], row["selector"]), {})
        pairs[row["class_a"], row["class_b"]] = row["overlap"]
    for panel in drawn:
        model = panel.name.partition(",")[0]
        selectors = [selector for other, selector in overlaps if other == model]
        for matrix, selector in zip(panel.matrices, selectors, strict=True):
            for a, row in zip(panel.classes, matrix.rows(), strict=True):
                for b, value in zip(panel.classes, row, strict=True):
                    assert value == pytest.approx(overlaps[model, selector][a, b], abs=5.1e-5)


def test_the_page_holds_the_matrices(report, run):
    text = (report / "index.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="overlaps">(.*?)</script>', text, re.S)[1])
    loaded = load_study(run)
    drawn = panels(loaded.results, loaded.table, loaded.study)
    assert data == [panel.data() for panel in drawn]


def test_pairs_are_drawn_again_as_their_mean_is(run):
    loaded = load_study(run)
    for _, rows in Rows.from_table(loaded.table).groups("model", "layer"):
        groups = ImageGroups.of(rows, 40, 10, loaded.study.seed)
        for overlap, _ in class_overlaps(rows, groups).values():
            votes, classes = overlap.draws[0], len(groups.classes)
            pairs = _resampled(votes, groups)
            apart = ~np.eye(classes, dtype=bool)
            means = bootstrap_overlap(
                votes, groups.labels, classes, resamples=groups.bootstrap, seed=groups.seed
            )
            assert np.allclose(pairs[:, apart].mean(axis=1), means, atol=1e-12)
            low, high = pair_intervals(overlap)
            assert (low[apart] <= overlap.matrix[apart]).all()
            assert (high[apart] >= overlap.matrix[apart]).all()
            assert np.isnan(np.diag(low)).all()
            assert ((low >= 0) & (high <= 1) | np.isnan(low)).all()


def test_a_photos_page_holds_its_problem(report, run):
    loaded = load_study(run)
    photo = photos_of(loaded.table)[0]
    text = (report / "photos" / f"{photo.stem}.html").read_text(encoding="utf-8")
    rows = [row for row in loaded.table.take(list(photo.rows)).to_pylist() if row["h"]]
    assert len(rows) == len(SETTINGS)
    for row in rows:
        for channel, h in zip(row["candidates"], row["h"], strict=True):
            assert (
                f'<td class="w n" data-v="{channel}">{channel}</td><td data-v="{h}">{h:.3f}<'
                in text
            )
        assert all(f"<td>{value:.3f}</td>" in text for value in row["J"])
        assert f'<td data-v="{row["energy"]}">{row["energy"]:.4f}</td>' in text
    assert text.count("<svg") == len(SETTINGS)


def test_nothing_is_loaded_from_elsewhere(report):
    for path, page in pages_of(report).items():
        policy = [a["content"] for tag, a in page.tags if a.get("http-equiv")]
        assert len(policy) == 1
        assert "default-src 'none'" in policy[0]
        assert "http" not in policy[0], path


def test_hostile_names_stay_text(tmp_path):
    made = study_table(
        classes=("a", "b"),
        images=1,
        selectors=("exact", "anneal", "topk_alpha"),
        taus=(10.0,),
        normalisations=("unit",),
    )
    spoil = {name: (lambda text: text and HOSTILE + text)
             for name in ("class", "target", "predicted", "image")}  # fmt: skip
    hostile = renamed(made, **spoil, model=lambda _: HOSTILE, layer=lambda _: HOSTILE)
    kinds = []
    for name, table, word in (("hostile", hostile, HOSTILE), ("plain", made, "w")):
        run = run_folder(tmp_path / name, table, warnings=[word],
                         skipped=[{"image": word, "reason": word}])  # fmt: skip
        write_report(run)
        pages = assert_links_are_alive(run / "report").values()
        kinds.append(sorted(tag for page in pages for tag, _ in page.tags if tag not in DRAWN))
        assert not any(key.startswith("on") for p in pages for _, attrs in p.tags for key in attrs)
    assert kinds[0] == kinds[1]  # not one element more
    report = tmp_path / "hostile" / "report"
    inside = [str(path.relative_to(report)) for path in report.rglob("*")]
    assert all(re.fullmatch(r"[A-Za-z0-9/._-]+", path) for path in inside)
    assert {path.name for path in tmp_path.iterdir()} == {"hostile", "plain"}
    assert "\x00" not in (report / "index.html").read_text()


@pytest.mark.usefixtures("without_figures")
def test_photos_of_one_name_have_pages_of_their_own(tmp_path):
    table = renamed(study_table(classes=("a", "A"), images=2), image=lambda name: name[-3:])
    run = run_folder(tmp_path / "run", table)
    assert write_report(run).pages == 4
    names = [path.name.casefold() for path in (run / "report" / "photos").iterdir()]
    assert len(set(names)) == 4


@pytest.mark.usefixtures("without_figures")
def test_of_each_class_as_many(tmp_path, run):
    written = write_report(run, tmp_path / "few", photos=4)
    assert (written.pages, written.photos) == (4, 9)
    pages = assert_links_are_alive(tmp_path / "few")
    text = (tmp_path / "few" / "index.html").read_text()
    assert "4 of the 9 photos have pages" in text
    classes = [attrs["data-c"] for tag, attrs in pages[tmp_path / "few" / "index.html"].tags
               if tag == "li" and "data-c" in attrs]  # fmt: skip
    assert sorted(classes) == ["0", "0", "1", "2"]


def test_again_is_the_same(report, run):
    before = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    write_report(run)
    assert before == {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("without_figures")
def test_a_study_that_is_not_finished(tmp_path):
    run = run_folder(tmp_path / "run", study_table(classes=("a",), images=2), finished=False)
    write_report(run)
    assert "Not finished:" in (run / "report" / "index.html").read_text()
    assert_links_are_alive(run / "report")


@pytest.mark.usefixtures("without_figures")
def test_without_the_photos(tmp_path):
    data = {"name": "folder:/nowhere/at/all"}
    run = run_folder(tmp_path / "run", study_table(images=1), data=data)
    written = write_report(run)
    assert "nowhere" in written.no_photos
    index = (run / "report" / "index.html").read_text()
    assert "Without pictures" in index
    assert list((run / "report" / "thumbs").iterdir()) == []
    with pytest.raises(ArgumentError, match="--explain needs the photos"):
        write_report(run, explain=lambda *_, **__: None)


@pytest.mark.usefixtures("without_figures")
def test_other_photos_than_the_studys_are_not_shown(tmp_path):
    table = renamed(study_table(images=1), image=lambda name: f"{name}.png")
    photos = photo_folder(tmp_path / "photos", set(table["image"].to_pylist()))
    run = run_folder(tmp_path / "run", table, data={"name": f"folder:{photos}", "part": "all"})
    photo_folder(photos, [table["image"][0].as_py()], side=30)
    assert "differ from those of the study" in write_report(run).no_photos


def spoiled(run, name):
    manifest = run / "manifest.json"
    content = json.loads(manifest.read_text())
    if name == "no json":
        manifest.write_text("{")
    elif name == "no table":
        (run / "table" / "part-00000.parquet").unlink()
    elif name == "no parquet":
        (run / "table" / "part-00000.parquet").write_bytes(b"PAR1 and so on")
    elif name == "no configuration":
        manifest.write_text(json.dumps({"finished": True}))
    elif name == "another kind":
        manifest.write_text(json.dumps(content | {"warnings": 3}))
    elif name == "a wrong key":
        manifest.write_text(json.dumps(content | {"config": {"nothing": 1}}))


@pytest.mark.parametrize(
    "name",
    ["no json", "no table", "no parquet", "no configuration", "another kind", "a wrong key"],
)
def test_one_line_for_a_damaged_study(tmp_path, name):
    run = run_folder(tmp_path / "run", study_table(classes=("a",), images=1))
    spoiled(run, name)
    result = CliRunner().invoke(app, ["report", str(run)])
    assert result.exit_code == 1, result.output
    assert result.output.count("\n") == 1
    assert str(run) in result.output
    assert not (run / "report").exists()


@pytest.mark.usefixtures("without_figures")
def test_a_row_without_its_numbers(tmp_path):
    table = study_table(classes=("a",), images=1)
    at = table.schema.get_field_index("J")
    empty = pa.array([None if J is None else [] for J in table["J"].to_pylist()],
                     type=table.schema.field("J").type)  # fmt: skip
    run = run_folder(tmp_path / "run", table.set_column(at, "J", empty))
    with pytest.raises(OutputError, match="the table is damaged"):
        write_report(run)


@pytest.mark.usefixtures("without_figures")
def test_a_folder_of_something_else_is_left_alone(tmp_path, run):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"holds letter\.txt"):
        write_report(run, tmp_path / "mine")
    other = run_folder(tmp_path / "other", study_table(classes=("a",), images=1))
    write_report(other, tmp_path / "report")
    with pytest.raises(OutputError, match="report of another study"):
        write_report(run, tmp_path / "report")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


@pytest.mark.usefixtures("without_figures")
def test_the_command(tmp_path, run):
    result = CliRunner().invoke(app, ["report", str(run), "-o", str(tmp_path / "r")])
    assert result.exit_code == 0, result.output
    assert "9 of 9 photos have pages" in result.output
    assert str(tmp_path / "r" / "index.html") in result.output
    refused = CliRunner().invoke(app, ["report", str(run), "--photos", "0"])
    assert refused.exit_code == 2
    assert "photos=0" in refused.output


class Explainer:
    """In place of `annealcam.explain`: explanations that contain the photo's name only."""

    def __init__(self, most=99):
        self.calls, self.most = [], most

    def __call__(self, model, image, **options):
        if len(self.calls) == self.most:
            raise KeyboardInterrupt
        self.calls.append(options)
        return self

    def to_html(self, path, **_):
        path.write_text(f"<title>{self.calls[-1]['photo_name']}</title>")


@pytest.mark.usefixtures("without_figures")
def test_explanations_go_on_and_are_kept(tmp_path, run, monkeypatch):
    network = SimpleNamespace(
        model=None, preprocess=lambda photo: torch.zeros(3, 4, 4), classes=None, link=None
    )
    monkeypatch.setattr(explained, "network_again", lambda *_: network)
    folder = tmp_path / "r"
    with pytest.raises(KeyboardInterrupt):
        write_report(run, folder, explain=Explainer(most=3))
    assert len(list((folder / "explained").iterdir())) == 3
    rest = Explainer()
    assert write_report(run, folder, explain=rest).explained == 18
    assert len(rest.calls) == 15
    assert {options["tau"] for options in rest.calls} == {100.0}
    assert write_report(run, folder, explain=Explainer(most=0)).explained == 18
    pages = assert_links_are_alive(folder)
    linked = [link for page in pages.values() for link in page.links if "/explained/" in link]
    assert len(linked) == len(set(linked)) == 18
    write_report(run, folder)
    assert len(list((folder / "explained").iterdir())) == 18


@pytest.mark.usefixtures("without_figures")
def test_another_network_than_the_studys_is_refused(tmp_path):
    made = study_table(classes=("0",), images=1, settings=(("digits", "block.1"),))
    run = run_folder(tmp_path / "run", renamed(made, image=lambda _: "digit-0000"),
                     data={"part": "all"})  # fmt: skip
    with pytest.raises(ArgumentError, match="weights differ"):
        write_report(run, explain=Explainer())


@pytest.mark.usefixtures("without_figures")
def test_the_network_again_selects_what_the_table_holds(tmp_path):
    options = {"data": {"per_class": 1}, "annealing": {"tau": [100.0], "normalisations": ["unit"]},
               "statistics": {"bootstrap": 10, "permutations": 10}}  # fmt: skip
    run = tmp_path / "run"
    run_study(study_of(options), run)
    selections = []

    def noted_explain(*arguments, **options):
        e = explain(*arguments, **options)
        selections.append(sorted(e.selected.tolist()))
        return e

    written = write_report(run, photos=2, explain=noted_explain)
    assert (written.pages, written.explained) == (2, 2)
    assert_links_are_alive(run / "report")
    table = load_study(run).table.to_pylist()
    optima = [row["selected"] for row in table if row["selector"] == "exact"]
    assert selections == optima[:2]
