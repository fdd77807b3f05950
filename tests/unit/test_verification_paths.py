"""Each path of an exported file and its runtime, broken on purpose: `kws verify` sees it."""

from dataclasses import replace

import numpy as np
import pytest
from verification_models import SOUND, damage, make_spotter, spoil, with_entries

from kws.detection import Detector as Events
from kws.export import export_spotter
from kws.runtime import batch, samples, steady, stream
from kws.runtime.model import Model
from kws.runtime.stream import Stream
from kws.verification import ExportedFile, Verifier
from kws.verification.paths import CLOSED_FORM

FILE = {"exported file", "exported file, whole frames"}
ONE, TWO, EIGHT = (f"kws.runtime, {ms} ms" for ms in (10, 20, 80))
FLOATS, LISTEN = "kws.runtime, 80 ms, floats", "kws detect, kws listen"
IN_TURN, RANDOM, BATCH = (
    f"kws.runtime, {way}" for way in ("sizes in turn", "random sizes", "batch")
)
RUNTIME = {ONE, TWO, EIGHT, FLOATS, LISTEN, IN_TURN, RANDOM, BATCH}
SIZES = {IN_TURN, RANDOM, BATCH}
OF_EIGHT = {EIGHT, FLOATS, LISTEN}
# the ways to the chains of a file with ordered confidences, and to those in every file
ONE_FRAME = ((0, "then"), (0, "then"), (0, "then"))
KNOWN = ((0, "then"), (0, "then"), (0, "else"))
SEVERAL = ((0, "then"), (0, "else"))
SEVERAL_INSIDE = ((0, "else"), (0, "then"))
ONE_INSIDE = ((0, "else"), (1, "then"))
GENERAL = ((0, "else"), (1, "else"), (0, "else"))


@pytest.fixture(scope="module", params=["ordered", "chen"])
def model(tmp_path_factory, request):
    """A spotter, its exported file, and its kind of confidence."""
    spotter = make_spotter(confidence=request.param)
    path = tmp_path_factory.mktemp("paths") / "small.onnx"
    export_spotter(spotter, path)
    return spotter, path, request.param


@pytest.fixture(scope="module")
def ordered(tmp_path_factory):
    spotter = make_spotter()
    path = tmp_path_factory.mktemp("paths") / "small.onnx"
    export_spotter(spotter, path)
    return spotter, path


def verify(spotter, path, sounds=(SOUND,)):
    verifier = Verifier(spotter, ExportedFile(path), None, seed=0)
    return verifier, [verifier.verify(sound, "sound.wav") for sound in sounds]


def failing(spotter, path, sounds=(SOUND,)):
    """The ways that do not agree."""
    verifier, reports = verify(spotter, path, sounds)
    ways = {
        way
        for report in reports
        for way, difference in report.differences.items()
        if not verifier.way_agrees(way, difference)
    }
    assert all(map(verifier.agrees, reports)) == (not ways)
    return ways


def test_an_ordinary_recording_takes_every_path(model):
    spotter, path, kind = model
    verifier, (report,) = verify(spotter, path)
    assert {*report.paths} == {*verifier.paths}
    assert all(report.paths.values())
    assert (CLOSED_FORM in verifier.paths) == (kind == "ordered")
    assert len(verifier.paths) == (10 if kind == "ordered" else 9)


def test_a_short_recording_takes_few(ordered):
    verifier, (report,) = verify(*ordered, [SOUND[:2400]])
    assert {name for name in verifier.paths if report.paths[name]} == {"general"}


def test_a_file_without_steady_chains(ordered, tmp_path):
    spotter, path = ordered
    content = path.read_bytes()
    for name in (steady.ONLY_STEADY, steady.ONLY_KNOWN, steady.ONLY_ONE):
        content = content.replace(name.encode(), name.upper().encode())
    (tmp_path / "plain.onnx").write_bytes(content)
    verifier, (report,) = verify(spotter, tmp_path / "plain.onnx")
    assert verifier.agrees(report)
    assert {*verifier.paths} == {*report.paths} == {"general", "long chunk", "batch"}


CHAINS = {
    "one frame": (ONE_FRAME, {ONE, *SIZES}),
    "known size": (KNOWN, OF_EIGHT),
    "several frames": (SEVERAL, {TWO, LISTEN, *SIZES}),
    "one frame inside": (ONE_INSIDE, {"exported file, whole frames"}),
    "several frames inside": (SEVERAL_INSIDE, {"exported file, whole frames"}),
    "general": (GENERAL, FILE | RUNTIME),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_spoilt_chain_of_the_file(ordered, tmp_path, chain):
    spotter, path = ordered
    branch, expected = CHAINS[chain]
    assert failing(spotter, spoil(path, tmp_path / "spoilt.onnx", branch)) == expected


@pytest.mark.parametrize("output", ["smoothed", "posteriors", "next_state"])
def test_another_output_that_one_chain_spoils(ordered, tmp_path, output):
    spotter, path = ordered
    spoilt = spoil(path, tmp_path / "spoilt.onnx", KNOWN, output)
    assert failing(spotter, spoilt) == OF_EIGHT


@pytest.mark.parametrize(
    ("branch", "expected"),
    [(((0, "then"), (0, "then")), {ONE, *SIZES}), (SEVERAL, {TWO, *OF_EIGHT, *SIZES})],
    ids=["one frame", "several frames"],
)
def test_a_spoilt_chain_of_a_file_with_the_other_confidence(tmp_path, branch, expected):
    spotter = make_spotter(confidence="chen")
    export_spotter(spotter, tmp_path / "small.onnx")
    spoilt = spoil(tmp_path / "small.onnx", tmp_path / "spoilt.onnx", branch)
    assert failing(spotter, spoilt) == expected


def test_a_weight_that_is_flipped_in_one_chain(ordered, tmp_path):
    def flip(values):
        values.flat[3] *= -1
        return values

    spotter, path = ordered
    damaged = damage(path, tmp_path / "damaged.onnx", (4, 16), flip, KNOWN)
    assert failing(spotter, damaged) == OF_EIGHT


def test_a_file_that_is_settled_too_early(ordered, tmp_path):
    spotter, path = ordered
    early = with_entries(path, tmp_path / "early.onnx", settled_frames="6")
    assert failing(spotter, early) == RUNTIME - {LISTEN, RANDOM}


def test_a_file_of_8_bits_is_held_to_itself(tmp_path):
    spotter = make_spotter()
    loss = export_spotter(spotter, tmp_path / "int8.onnx", calibration=[SOUND])
    verifier, (report,) = verify(spotter, tmp_path / "int8.onnx")
    assert verifier.agrees(report)
    # what the model and the file differ by is allowed where the two are compared, not else
    allowed = loss["largest_confidence_difference"]
    assert verifier.tolerances["exported file"].confidences == 2 * allowed
    assert report.differences["exported file"].confidences > 1e-4
    for way in RUNTIME:
        assert report.differences[way].confidences < 1e-5 < verifier.tolerances[way].confidences
    spoilt = spoil(tmp_path / "int8.onnx", tmp_path / "spoilt.onnx", KNOWN)
    assert failing(spotter, spoilt) == OF_EIGHT


SESSIONS = {
    "one frame": (ONE_FRAME, {}, {ONE, *SIZES}),
    "20 ms": (SEVERAL, {"N": 1, "S": 320}, {TWO}),
    "80 ms": (KNOWN, {"N": 1, "S": 1280}, OF_EIGHT),
    "any size": (SEVERAL, {}, {LISTEN, *SIZES}),
}


@pytest.mark.parametrize("session", SESSIONS)
def test_a_session_that_gives_something_else(ordered, tmp_path, monkeypatch, session):
    chain, dims, expected = SESSIONS[session]
    part, spoilt = tmp_path / "part.onnx", tmp_path / "spoilt.onnx"

    def load(self, given, *names):
        content = steady._with_true(self._read(), *names)
        if given == dims:
            part.write_bytes(content)
            content = spoil(part, spoilt, chain).read_bytes()
        return self._load(content, given)

    monkeypatch.setattr(steady.SteadySessions, "_loaded", load)
    assert failing(*ordered) == expected


# Below: a fault of the runtime each, and the ways that take the path it is on.


def test_easy_calls_that_take_samples_from_the_wrong_place(ordered, monkeypatch):
    easy = steady.SteadyCalls.easy

    def late(self, num_samples, num_waiting):
        calls = easy(self, num_samples, num_waiting)
        one = calls[num_samples,]
        calls[num_samples,] = one._replace(behind=one.behind[::-1])
        return calls

    monkeypatch.setattr(steady.SteadyCalls, "easy", late)
    assert failing(*ordered) >= {ONE, TWO, EIGHT, LISTEN, IN_TURN}


def test_easy_calls_that_mistake_the_state(ordered, monkeypatch):
    easy = steady.SteadyCalls.easy

    def turned(self, num_samples, num_waiting):
        calls = easy(self, num_samples, num_waiting)
        one = calls[num_samples,]
        calls[num_samples,] = one._replace(turns=(one.turns[0], one.turns[0]))
        return calls

    monkeypatch.setattr(steady.SteadyCalls, "easy", turned)
    assert failing(*ordered) >= {ONE, TWO, EIGHT, LISTEN}


def test_bound_calls_that_mistake_the_state(ordered, monkeypatch):
    def run(self, call, state):
        if state is not self.first:
            np.copyto(self.first, state)
        call.run(call.from_second, None)
        return self.second

    monkeypatch.setattr(steady.SteadyCalls, "run", run)
    assert failing(*ordered) >= {ONE, TWO, EIGHT, FLOATS, LISTEN, IN_TURN}


def test_a_change_of_size_that_keeps_old_arrays(ordered, monkeypatch):
    bind = steady.SteadyCalls._bind

    def elsewhere(self, session, num_samples, num_frames):
        if self._had_sizes:
            self._memory = self._memory.copy()
        return bind(self, session, num_samples, num_frames)

    monkeypatch.setattr(steady.SteadyCalls, "_bind", elsewhere)
    assert failing(*ordered) >= {IN_TURN, RANDOM}


@pytest.mark.parametrize("num_frames", [3, steady.MOST_FRAMES + 1])
def test_calls_that_nothing_is_bound_for(ordered, monkeypatch, num_frames):
    run = Model.run

    def wrong(self, samples, state, flush=False, is_settled=False):
        scores = run(self, samples, state, flush, is_settled)
        if is_settled and samples.shape[1] == 160 * num_frames:
            scores = scores._replace(confidences=scores.confidences * 0.95)
        return scores

    monkeypatch.setattr(Model, "run", wrong)
    assert failing(*ordered) >= {IN_TURN, BATCH}


def test_quiet_frames_that_are_not_counted(ordered, monkeypatch):
    skip = Events.skip

    def uncounted(self, smoothed, state):
        return skip(self, smoothed, state)._replace(num_frames=state.num_frames)

    monkeypatch.setattr(Events, "skip", uncounted)
    assert failing(*ordered) >= {ONE, TWO, EIGHT, LISTEN}


def test_quiet_frames_that_are_not_quiet(model, monkeypatch):
    spotter, path, _ = model
    monkeypatch.setattr(Events, "is_quiet", lambda *_: True)
    assert failing(spotter, path) >= {ONE, TWO, EIGHT, LISTEN}


def test_quiet_frames_of_which_the_smoothed_posteriors_are_lost(ordered, monkeypatch):
    skip = Events.skip
    monkeypatch.setattr(Events, "skip", lambda self, x, state: skip(self, bytes(len(x)), state))
    assert failing(*ordered) >= {ONE}


def test_many_quiet_frames_that_are_forgotten(ordered, monkeypatch):
    catch_up = Stream._catch_up

    def forget(self):
        if len(self._unseen) >= 20:
            self._unseen = []
        catch_up(self)

    monkeypatch.setattr(Stream, "_catch_up", forget)
    assert failing(*ordered) >= {ONE}


def test_long_chunks_that_lose_a_sample(ordered, monkeypatch):
    advance = Stream._advance

    def lossy(self, samples, scale):
        return advance(self, samples[:-1] if len(samples) == self.block else samples, scale)

    monkeypatch.setattr(Stream, "_advance", lossy)
    assert failing(*ordered) == {LISTEN, RANDOM}


def test_floats_of_another_scale(ordered, monkeypatch):
    monkeypatch.setitem(samples._SCALES, np.dtype(np.float32), 16384.0)
    assert failing(*ordered) == {FLOATS}


def test_a_batch_that_mixes_its_streams_up(ordered, monkeypatch):
    groups = batch._groups

    def mixed(*arguments):
        for rows, values, is_settled in groups(*arguments):
            yield rows, values[::-1], is_settled

    monkeypatch.setattr(batch, "_groups", mixed)
    assert failing(*ordered) == {BATCH}


def test_a_batch_that_shares_calls_too_early(ordered, monkeypatch):
    monkeypatch.setattr(Stream, "age", 0)
    assert failing(*ordered) == {BATCH}


def test_a_stream_that_does_not_forget(ordered, monkeypatch):
    restart = Stream._restart

    def keep_state(self):
        state = getattr(self, "state", None)
        restart(self)
        if state is not None:
            self.state = state

    monkeypatch.setattr(Stream, "_restart", keep_state)
    assert failing(*ordered, [SOUND]) == set()
    assert failing(*ordered, [SOUND, SOUND]) == RUNTIME


def test_an_end_that_is_not_told_to_the_file(ordered, monkeypatch):
    run = Model.run
    monkeypatch.setattr(
        Model, "run", lambda self, x, state, flush=False, is_settled=False: run(self, x, state)
    )
    assert failing(*ordered) == FILE | RUNTIME


def test_thresholds_that_are_not_the_files(ordered, monkeypatch):
    events = stream._events
    monkeypatch.setattr(stream, "_events", lambda model, _, *others: events(model, 0.01, *others))
    assert failing(*ordered) == RUNTIME


def test_events_of_another_confidence(ordered, monkeypatch):
    follow = Stream._follow

    def halved(self, confidences, smoothed):
        events = follow(self, confidences, smoothed)
        return [replace(event, confidence=event.confidence / 2) for event in events]

    monkeypatch.setattr(Stream, "_follow", halved)
    assert failing(*ordered) == RUNTIME
