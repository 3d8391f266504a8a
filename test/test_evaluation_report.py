"""The report of an evaluation of bags: it shows what the files say, and is one file that asks for nothing."""

import base64
import html
import json
import os
import re
import shutil
import sys
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from browser_support import BROWSER, open_page
from fake_backend import camera, weights
from replay_data import FRAMES, MISSED, OffEstimator, messages, off_estimator, scene, write_bag

from hand_object_pose.cli.main import main
from hand_object_pose.demo.pictures import truth_as_estimate
from hand_object_pose.estimation.attention import AttentionMaps
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import Box, FrameResult
from hand_object_pose.evaluation.drawing.jpeg import encode_jpeg
from hand_object_pose.evaluation.drawing.turned_views import ColouredMesh, view_tiles
from hand_object_pose.evaluation.evaluation_file import read_evaluation, read_frames, write_evaluation
from hand_object_pose.evaluation.frame_record import IN_VIEW, INVALID, VALID, FrameRecord, write_records
from hand_object_pose.evaluation.gates import GateResult
from hand_object_pose.evaluation.metric_table import STATISTICS
from hand_object_pose.evaluation.report.charts import worst_of_neighbours
from hand_object_pose.evaluation.report.evaluation_report import write_evaluation_report
from hand_object_pose.evaluation.report.figures import MeshView, views_figure
from hand_object_pose.evaluation.report.frame_choice import NO_ESTIMATE, SHOWN, evenly
from hand_object_pose.evaluation.report.frame_pictures import LARGEST_WIDTH, shrunk
from hand_object_pose.evaluation.report.shown_frames import SHOWN_FILE, read_shown_frames, write_shown_frames
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frame_keeper import FrameKeeper
from hand_object_pose.replay.frame_truth import FrameTruth
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.replay.scored_frame import ScoredFrame

pytest.importorskip("plotly", reason="reports are not installed")

EVIL = "<script>alert(1)<&script>"
LARGEST = 15_000_000
GIVEN = Path(os.environ["HOP_REPORT"]) if "HOP_REPORT" in os.environ else None
RANKED = ("hand.mje_cm", "object.add_s_cm", "depth.residual_mm", "interaction.pd_max_mm")


class Page(HTMLParser):
    """What a page consists of, without the contents of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: dict[str, list[str]] = defaultdict(list)
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text[self.open[-1] if self.open else ""].append(data)
        if self.open and self.open[-1] == "td":
            self.rows[-1].append(data)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a bag with an evil name and one without truth."""
    folder = tmp_path_factory.mktemp("report")
    untrue = [{topic: entry for topic, entry in messages(n).items() if topic != "/ground_truth"} for n in range(4)]
    bags = [write_bag(folder / EVIL), write_bag(folder / "untrue", frames=untrue)]
    out = folder / "out"
    content = evaluate_bags(bags, ReplayConfig(), out, factory=off_estimator)
    write_evaluation_report(out, content, [GateResult("a < <b>1</b>", False, "2")], ["another <i>processor</i>"])
    return out


@pytest.fixture(scope="module")
def page(evaluated: Path) -> Page:
    return Page((evaluated / "report.html").read_text(encoding="utf-8"))


def data_uris(page: Page) -> list[bytes]:
    return [
        base64.b64decode(value.partition(",")[2], validate=True)
        for name, value in page.attributes
        if name == "src" and value.startswith("data:image/jpeg;base64,")
    ]


def test_the_page_is_well_formed_and_refers_to_nothing_outside(page: Page) -> None:
    """Whatever a script may want to do, the policy for browsers forbids it."""
    assert page.open == []
    for name, value in page.attributes:
        assert name not in ("href", "srcset", "action", "data", "poster"), value
        if name == "src":
            assert value.startswith("data:"), value
    (policy,) = [value for _, value in page.attributes if "default-src" in value]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "url(" not in "".join(page.text["style"])
    assert "@import" not in "".join(page.text["style"])
    assert any("plotly.js (MIT licence)" in text for text in page.text["footer"])


def test_every_picture_decodes(page: Page) -> None:
    pictures = data_uris(page)

    images = [cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) for picture in pictures]
    assert len(images) == sum(name == "src" for name, _ in page.attributes)
    assert {image.shape for image in images} == {(120, 160, 3), (240, 960, 3)}
    # Meshes are painted over images of one shade.
    assert all(image.std() > 5 for image in images)


def test_numbers_of_the_table_are_those_of_the_file(page: Page, evaluated: Path) -> None:
    metrics = read_evaluation(evaluated)["metrics"]
    rows = {row[0]: row[2:] for row in page.rows if row and row[0] in metrics}

    assert list(rows) == list(metrics)
    for name, cells in rows.items():
        expected = [*(metrics[name][statistic] for statistic in STATISTICS), metrics[name]["frames"]]
        assert [float(cell) for cell in cells[:-1]] == pytest.approx(expected, abs=0.5001e-3)
        assert float(cells[-1].rstrip("%")) == pytest.approx(100 * metrics[name]["availability"], abs=0.0501)


def test_names_from_bags_and_gates_are_texts(page: Page, evaluated: Path) -> None:
    assert any(EVIL in row for row in page.rows)
    assert any("a < <b>1</b>" in row for row in page.rows)
    assert any(EVIL in text for text in page.text["figcaption"])
    raw = (evaluated / "report.html").read_text(encoding="utf-8")
    assert EVIL not in raw
    assert "<script>alert" not in raw
    assert "<i>processor" not in raw


def figures(path: Path) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Traces and layout of each diagram of a report."""
    found = []
    text = path.read_text(encoding="utf-8")
    for start in re.finditer(r"Plotly\.newPlot\(\s*\"diagram-\d+\",\s*", text):
        decoder = json.JSONDecoder()
        traces, end = decoder.raw_decode(text, start.end())
        layout, _ = decoder.raw_decode(text, re.compile(r"\s*,\s*").match(text, end).end())  # type: ignore[union-attr]
        found.append((traces, layout))
    return found


def test_diagrams_show_what_the_rows_hold(evaluated: Path) -> None:
    shown = figures(evaluated / "report.html")
    titles = {layout["title"]["text"]: traces for traces, layout in shown if "title" in layout}
    records = read_frames(evaluated)

    (adds,) = titles["Objects within a distance, ADD-S"]
    errors = [record.values["object.add_s_cm"] for record in records[EVIL] if record.is_valid]
    for distance, share in zip(adds["x"], adds["y"], strict=True):
        if min(abs(distance - error) for error in errors) > 1e-3:
            # Of all frames in view, the missed one included.
            assert share == pytest.approx(sum(error <= distance for error in errors) / FRAMES, abs=1e-4)
    assert adds["y"][0] == 0
    assert adds["y"][-1] == pytest.approx((FRAMES - 1) / FRAMES)
    (joints,) = titles["Joints within a distance, wrists aligned (PCK)"]
    # The hand has moved as a whole: aligned, every joint is where it should be, but in the frame that was missed.
    assert joints["y"][1:] == pytest.approx([(FRAMES - 1) / FRAMES] * 99)
    (bars,) = next(traces for title, traces in titles.items() if title.startswith("object.translation_cm"))
    assert sum(bars["y"]) == FRAMES - 1
    (curves,) = [traces for traces, layout in shown if "yaxis2" in layout]
    translated = next(trace for trace in curves if trace["yaxis"] == "y2" and trace["name"] == html.escape(EVIL))
    assert translated["y"][MISSED] is None
    assert translated["y"][0] == pytest.approx(errors[0], abs=1e-4)


def test_meshes_to_turn_are_those_that_were_estimated(evaluated: Path) -> None:
    traces, layout = figures(evaluated / "report.html")[-1]
    choices = layout["updatemenus"][0]["buttons"]

    assert [trace["name"] for trace in traces[:4]] == ["hand", "object", "true hand", "true object"]
    assert sum(trace["visible"] for trace in traces) == 4
    for choice in choices:
        assert len(choice["args"][0]["visible"]) == len(traces)
        assert sum(choice["args"][0]["visible"]) in (2, 4)
    # The estimate lies 2 cm behind the truth, and the camera looks along the view's second axis.
    np.testing.assert_allclose(np.subtract(traces[0]["y"], traces[2]["y"]), 0.02, atol=2e-4)
    np.testing.assert_allclose(np.subtract(traces[1]["x"], traces[3]["x"]), 0.03, atol=2e-4)


def test_a_mesh_has_the_colour_of_what_it_is_whatever_others_are_missing() -> None:
    corners = TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))
    names = ("hand", "object", "true hand", "true object")
    whole, alone = (views_figure([MeshView("", dict.fromkeys(shown, corners))])["data"] for shown in (names, names[2:]))

    assert len({trace["color"] for trace in whole}) == 4
    assert [(trace["color"], trace["opacity"]) for trace in alone] == [
        (trace["color"], trace["opacity"]) for trace in whole[2:]
    ]


def test_a_bag_without_truth_gets_a_report(evaluated: Path, tmp_path: Path) -> None:
    bag = next(path for path in evaluated.parent.iterdir() if path.name == "untrue")
    content = evaluate_bags([bag], ReplayConfig(), tmp_path, factory=off_estimator)

    page = Page(write_evaluation_report(tmp_path, content).read_text(encoding="utf-8"))

    assert "depth.residual_mm" in {row[0] for row in page.rows if row}
    assert "hand.mje_cm" not in {row[0] for row in page.rows if row}
    captions = page.text["figcaption"]
    assert any("by depth.residual_mm" in caption for caption in captions)
    assert len(data_uris(page)) == 2 * len(captions)


def test_why_there_is_no_attention_is_said_above_the_pictures(page: Page) -> None:
    """The estimates of these bags come from no network."""
    assert any("No attention is shown here: what made these estimates" in text for text in page.text["p"])


def test_the_same_report_side_by_side_and_resumed(evaluated: Path, tmp_path: Path) -> None:
    bags = [evaluated.parent / EVIL, evaluated.parent / "untrue"]
    one, two = tmp_path / "one", tmp_path / "two"
    evaluate_bags(bags[:1], ReplayConfig(), one, factory=off_estimator)
    (one / EVIL / SHOWN_FILE).write_bytes(b"cut")
    reports = [
        write_evaluation_report(one, evaluate_bags(bags, ReplayConfig(), one, factory=off_estimator)),
        write_evaluation_report(two, evaluate_bags(bags, ReplayConfig(), two, processes=2, factory=off_estimator)),
    ]

    assert reports[0].read_bytes() == reports[1].read_bytes()


class Jittered(OffEstimator):
    """Off by another amount in each frame; the most in frame 2."""

    def process(self, frame: Frame) -> FrameResult:
        """The truth, moved."""
        self.offset = np.array([0.01 * (1 + (5 * len(self.seen) + 1) % FRAMES), 0.0, 0.0])
        return super().process(frame)


def test_the_worst_frames_are_shown(evaluated: Path, tmp_path: Path) -> None:
    bag = evaluated.parent / EVIL
    evaluate_bags([bag], ReplayConfig(), tmp_path, factory=lambda settings: Jittered())

    records = read_frames(tmp_path)[EVIL]
    errors = {row: record.values["object.add_s_cm"] for row, record in enumerate(records) if record.is_valid}
    worst = sorted(errors, key=lambda row: -errors[row])[:SHOWN]
    shown = [frame.row for frame in read_shown_frames(tmp_path / EVIL / SHOWN_FILE).frames]
    assert set(worst) | {MISSED} <= set(shown)
    page = Page(write_evaluation_report(tmp_path, read_evaluation(tmp_path)).read_text(encoding="utf-8"))
    captions = page.text["figcaption"]
    for number, row in enumerate(worst, 1):
        (caption,) = [text for text in captions if f"no. {number} by object.add_s_cm" in text]
        assert f", {0.04 * row:.2f} s:" in caption
        assert f"object.add_s_cm {errors[row]:.2f}" in caption
    assert any(NO_ESTIMATE in text and "low confidence: 0.10" in text for text in captions)


class Noise:
    """Attends at random, which colours meshes as no JPEG can compress well."""

    def attention(self, images: np.ndarray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        """Other maps for each image."""
        rng = np.random.default_rng(round(1e6 * float(images.mean())))
        return [AttentionMaps(rng.random((778, 1000)), rng.random((1000, 778)))]


def synthetic_run(frames: int) -> tuple[FrameKeeper, list[FrameRecord]]:
    """A keeper that has seen 640x480 images of noise with random errors and random attention: what is largest."""
    rng = np.random.default_rng(0)
    keeper, records, shown = FrameKeeper(weights(), frames, Noise()), [], camera()
    noise = rng.integers(0, 255, (2, 480, 640, 3), np.uint8)
    for number in range(frames):
        values = dict(zip(RANKED, rng.exponential(2.0, 4).tolist(), strict=True))
        is_valid = number % 10 > 0
        outcome = VALID if is_valid else INVALID
        record = FrameRecord(1 + number * 33_000_000, outcome, IN_VIEW, values=values if is_valid else {})
        truth = scene(number % 8)
        pair = replace(truth_as_estimate(truth), box=Box(200, 150, 430, 380))
        known = FrameTruth("mug", truth.object_pose, truth.hand_vertices, truth.joints)
        frame = Frame(noise[number % 2], shown)
        keeper.see(frame, FrameResult([pair]), ScoredFrame(record, pair if is_valid else None, known))
        records.append(record)
    return keeper, records


@pytest.fixture(scope="module")
def long(evaluated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evaluation of a bag of three hundred frames with an evil name."""
    folder = tmp_path_factory.mktemp("long")
    keeper, records = synthetic_run(300)
    content = {**read_evaluation(evaluated)}
    content["bags"] = [{**content["bags"][0], "name": EVIL, "folder": "long"}]
    (folder / "long").mkdir()
    write_records(folder / "long" / "frames.csv", records)
    write_shown_frames(folder / "long" / SHOWN_FILE, keeper.shown())
    write_evaluation(folder / "metrics.json", content)
    write_evaluation_report(folder, content)
    return folder


def test_of_a_long_bag_only_what_is_shown_is_kept(long: Path) -> None:
    kept = read_shown_frames(long / "long" / SHOWN_FILE).frames

    assert len(kept) <= 6 * SHOWN
    assert sum(frame.is_even for frame in kept) == SHOWN
    records = read_frames(long)[EVIL]
    for name in RANKED:
        errors = [record.values.get(name, 0.0) for record in records]
        assert set(np.argsort(errors)[-SHOWN:]) <= {frame.row for frame in kept}


def test_the_report_of_a_long_bag_is_small_with_all_its_pictures(long: Path) -> None:
    """Every frame that is shown has its picture of attention, and the whole is below the issue's bound."""
    page = Page((long / "report.html").read_text(encoding="utf-8"))
    captions = page.text["figcaption"]
    pictures = data_uris(page)

    size = (long / "report.html").stat().st_size
    attention = [picture for picture in pictures if cv2.imdecode(np.frombuffer(picture, np.uint8), 1).shape[0] == 240]
    print(f"300 frames of noise: {size / 1e6:.1f} MB, {len(captions)} frames in {len(pictures)} pictures")
    assert size < LARGEST
    assert len(captions) > 3 * SHOWN
    assert all("attention of" in caption for caption in captions)
    # Over the image the estimate and the truth; of the meshes alone, those turned and those with attention.
    assert len(pictures) == 4 * len(captions)
    assert len(attention) == 2 * len(captions)


def test_a_smaller_image_has_the_camera_that_belongs_to_it() -> None:
    """A bright spot is found in the small image where the small camera says."""
    large = Camera(np.array([[1200.0, 0, 700], [0, 1250, 330], [0, 0, 1]]), 1600, 900)
    place = np.array([0.12, -0.05, 0.8])
    columns, rows = np.meshgrid(np.arange(1600), np.arange(900))
    u, v = large.project(place)
    spot = 255 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 12**2))
    image = np.repeat(spot[..., None], 3, axis=2).astype(np.uint8)
    estimate = truth_as_estimate(scene(0))

    small = shrunk(image, large, replace(estimate, box=Box(0, 0, 1600, 900)), None)

    assert small.image.shape == (360, LARGEST_WIDTH, 3)
    bright = small.image[..., 0].astype(float)
    columns, rows = np.meshgrid(np.arange(640), np.arange(360))
    found = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
    np.testing.assert_allclose(small.camera.project(place), found, atol=0.02)
    assert small.estimate.box == Box(0, 0, 640, 360)


def test_turned_meshes_are_seen_from_all_sides() -> None:
    """A red ball at the camera's left and a green one at its right; from the sides, the nearer hides the other."""
    ball = trimesh.creation.icosphere(radius=0.05)
    balls = [TriangleMesh(ball.vertices + np.array([x, 0.02, 0.7]), np.asarray(ball.faces)) for x in (-0.1, 0.1)]

    shown = [ColouredMesh(*pair) for pair in zip(balls, [(255, 0, 0), (0, 255, 0)], strict=True)]
    tiles = np.split(view_tiles(shown).astype(int), 4, axis=1)

    def middle(tile: np.ndarray, channel: int) -> float | None:
        own = (tile[..., channel] - tile[..., 1 - channel]) > 60
        return float(np.nonzero(own)[1].mean()) if own.sum() > 200 else None

    front, right, back, left = ((middle(tile, 0), middle(tile, 1)) for tile in tiles)
    assert front[0] is not None
    assert front[1] is not None
    assert front[0] < 90 < 150 < front[1]
    assert back == pytest.approx((front[1], front[0]), abs=1.5)
    assert right == (None, pytest.approx(119.5, abs=1.5))
    assert left == (pytest.approx(119.5, abs=1.5), None)


def test_long_curves_keep_their_peaks() -> None:
    time, values = np.arange(1000.0), np.zeros(1000)
    values[[17, 503]] = 3.0, 5.0
    values[700:800] = np.nan

    kept_time, kept = worst_of_neighbours(time, values, 100)

    assert len(kept) == 100
    assert kept_time[kept > 0].tolist() == [17, 503]
    assert np.isnan(kept).sum() == 10
    assert worst_of_neighbours(time, values, 1000)[1] is values


def test_pictures_of_noise_are_bounded() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)

    assert len(encode_jpeg(noise)) > 200_000 > 100_000 > len(encode_jpeg(noise, 100_000))


def test_frames_are_chosen_evenly() -> None:
    assert evenly(0) == []
    assert evenly(1) == [0]
    assert evenly(300) == [50, 150, 250]


def test_without_the_library_the_numbers_are_there(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "hand_object_pose.cli.evaluate_bag.evaluate_bags",
        lambda bags, config, out, processes, fresh: evaluate_bags(bags, config, out, processes, fresh, off_estimator),
    )
    command = ["evaluate-bag", str(evaluated.parent / "untrue"), "--out", str(tmp_path)]
    assert main(command) == 0
    assert "report.html" in capsys.readouterr().out
    assert (tmp_path / "report.html").exists()

    monkeypatch.setitem(sys.modules, "plotly.io", None)
    assert main(command) == 0

    assert "no report.html: reports need Plotly: pip install 'hand_object_pose[report]'" in capsys.readouterr().err
    assert (tmp_path / "metrics.json").exists()
    # Nor one that shows older numbers.
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(not BROWSER, reason="no Chromium")
def test_a_browser_shows_it(long: Path, tmp_path: Path) -> None:
    """Without an error, without any request, with every picture, and with meshes in the 3D view.

    Another report may be given in HOP_REPORT; its screenshot is written beside it.
    """
    report = GIVEN or long / "report.html"
    opened = open_page(report, tmp_path)
    if GIVEN:
        shutil.copy(tmp_path / "screenshot.png", GIVEN.with_suffix(".png"))

    seen = opened.observed
    assert seen["errors"] == []
    assert seen["violations"] == []
    assert seen["requests"] == []
    assert not re.search(r"CONSOLE.*(Uncaught|Refused|Error)", opened.log)
    assert len(seen["pictures"]) > 10
    assert all(seen["pictures"])
    assert seen["scenes"]
    assert GIVEN or EVIL in seen["legends"]
    # The truth's meshes are green and violet; nothing else in the view is.
    red, green, blue = (opened.scene()[..., channel].astype(int) for channel in range(3))
    assert ((green - red > 20) & (green - blue > 20)).sum() > 2000
    assert ((red - green > 15) & (blue - green > 15)).sum() > 2000
