"""Mistakes in specifiers, scp files, archives and statistics."""

from __future__ import annotations

import gzip
import io
import types
from pathlib import Path

import pytest
from mistakes_world import Case, World

CASES = [
    Case(
        "a command to read from",
        "posteriors final.kws 'ark:touch made; cat feats.ark |' ark:out.ark",
        "ark:touch made; cat feats.ark |: `touch made; cat feats.ark |` is a "
        "command; it runs only with --allow-commands",
    ),
    Case(
        "a command to write to",
        "posteriors final.kws scp:feats.scp 'ark:| touch made'",
        "ark:| touch made: `| touch made` is a command; it runs only with --allow-commands",
    ),
    Case(
        "a command in an scp",
        "posteriors final.kws scp:bad.scp ark:out.ark",
        "bad.scp:1: `touch made; cat feats.ark |` is a command; it runs only with --allow-commands",
        {"bad.scp": "a-1 touch made; cat feats.ark |\n"},
    ),
    Case(
        "a command in an scp of waveforms",
        "features scp:bad.scp ark:out.ark",
        "bad.scp:2: `touch made |` is a command; it runs only with --allow-commands",
        {"bad.scp": "a-1 data/a-1.wav\na-2 touch made |\n"},
    ),
    Case(
        "an unknown kind to read",
        "posteriors final.kws arc:feats.ark ark:out.ark",
        "arc:feats.ark: 'arc' is no kind of table; begin with ark: or scp:",
    ),
    Case(
        "an unknown kind to write",
        "posteriors final.kws scp:feats.scp arc:out.ark",
        "arc:out.ark: 'arc' is no kind of table; begin with ark: or scp:",
    ),
    Case(
        "an unknown option",
        "posteriors final.kws ark,z:feats.ark ark:out.ark",
        "ark,z:feats.ark: unknown option 'z' in the specifier",
    ),
    Case(
        "an scp alone to write",
        "posteriors final.kws scp:feats.scp scp:out.scp",
        "scp:out.scp: scp cannot be used here; use ark:FILE or ark,scp:FILE,FILE",
    ),
    Case(
        "one file for two",
        "posteriors final.kws scp:feats.scp ark,scp:out.ark",
        "ark,scp:out.ark: names 1 file(s) for ark,scp; name each",
    ),
    Case(
        "a missing archive",
        "posteriors final.kws ark:no.ark ark:out.ark",
        "no.ark: No such file or directory",
    ),
    Case(
        "a missing scp",
        "posteriors final.kws scp:no.scp ark:out.ark",
        "no.scp: No such file or directory",
    ),
    Case(
        "an scp of a missing archive",
        "posteriors final.kws scp:bad.scp ark:out.ark",
        "bad.scp:1: a-1: no.ark:4: No such file or directory",
        {"bad.scp": "a-1 no.ark:4\n"},
    ),
    Case(
        "an offset beyond the end",
        "posteriors final.kws scp:bad.scp ark:out.ark",
        "bad.scp:1: a-1: feats.ark:99999: ends too early (cut short?)",
        {"bad.scp": "a-1 feats.ark:99999\n"},
    ),
    Case(
        "an offset within a matrix",
        "posteriors final.kws scp:bad.scp ark:out.ark",
        "bad.scp:1: a-1: feats.ark:7: has 'M "
        "\\x04\\x1e\\x00\\x00\\x00\\x04\\x08\\x00\\x00\\x00z\\x83\\x11½¬\\x98Ý?' where a "
        "matrix, `[ ... ]`, must be",
        {"bad.scp": "a-1 feats.ark:7\n"},
    ),
    Case(
        "an scp line without a file",
        "posteriors final.kws scp:bad.scp ark:out.ark",
        "bad.scp:1: 'a-1' has no file; a line is a key and a file",
        {"bad.scp": "a-1\n"},
    ),
    Case(
        "a range beyond the matrix",
        "posteriors final.kws scp:bad.scp ark:out.ark",
        "bad.scp:1: a-1: feats.ark:4[0:99]: [0:99] is not a range of 30 x 8 values",
        {"bad.scp": "a-1 feats.ark:4[0:99]\n"},
    ),
    Case(
        "an archive cut short",
        "posteriors final.kws ark:bad.ark ark:out.ark",
        "ark:bad.ark: b-2: ends too early (cut short?); write the archive again",
        prepare=lambda f: (f / "bad.ark").write_bytes((f / "feats.ark").read_bytes()[:-50]),
    ),
    Case(
        "a .gz that is none",
        "posteriors final.kws ark:bad.ark.gz ark:out.ark",
        "ark:bad.ark.gz: is no whole gzip file (Not a gzipped file (b'a-')); pack it again",
        {"bad.ark.gz": "a-1  [\n 1 2 3 4 5 6 7 8 ]\n"},
    ),
    Case(
        "a .gz cut short",
        "posteriors final.kws ark:bad.ark.gz ark:out.ark",
        "ark:bad.ark.gz: is no whole gzip file (Compressed file ended before the end-of-stream "
        "marker was reached); pack it again",
        prepare=lambda f: (f / "bad.ark.gz").write_bytes(
            gzip.compress((f / "feats.ark").read_bytes())[:-50]
        ),
    ),
    Case(
        "an scp of an archive that is packed",
        "posteriors final.kws scp:feats.scp ark,scp:new.ark.gz,new.scp",
        "ark,scp:new.ark.gz,new.scp: an scp needs an archive in a plain file; name one",
    ),
    Case(
        "an option of Kaldi's reading to write",
        "posteriors final.kws scp:feats.scp ark,cs:new.ark",
        "ark,cs:new.ark: unknown option 'cs' in the specifier",
    ),
    Case(
        "a way to compress where nothing is compressed",
        "features --compression-method 2 data out",
        "--compression-method 2: nothing is compressed; add --compress",
    ),
    Case(
        "a way to compress that is none",
        "features --compress --compression-method 9 data out",
        "--compression-method 9: must be 1 to 7",
    ),
    Case(
        "a sound for an archive",
        "posteriors final.kws ark:sound.wav ark:out.ark",
        "ark:sound.wav: b'RIFF$K\\x00\\x00WAVEfmt' is not a key; is it an archive?",
    ),
    Case(
        "text for an archive",
        "posteriors final.kws ark:bad.ark ark:out.ark",
        "ark:bad.ark: hello: has 'world' where a matrix, `[ ... ]`, must be; write "
        "the archive again",
        {"bad.ark": "hello world\n"},
    ),
    Case(
        "an empty archive",
        "posteriors final.kws ark:bad.ark ark:out.ark",
        "ark:bad.ark: holds no utterance that can be used",
        {"bad.ark": ""},
        status=1,
    ),
    Case(
        "rows of different lengths",
        "posteriors final.kws ark:bad.ark ark:out.ark",
        "ark:bad.ark: a-1: has rows of different lengths; write the archive again",
        {"bad.ark": "a-1  [\n 1 2 3 4 5 6 7 8\n 1 2 3 ]\n"},
    ),
    Case(
        "matrices of other columns",
        "posteriors final.kws ark:bad.ark ark:out.ark",
        "ark:bad.ark: a-1: 3 columns, but 8 are read; give the features that the "
        "model was made for",
        {"bad.ark": "a-1  [\n 1 2 3 ]\n"},
    ),
    Case(
        "raw features of a data dir",
        "posteriors final.kws --raw-features data ark:out.ark",
        "data: a data dir starts at the audio; --raw-features is for tables",
    ),
    Case(
        "neither a directory nor a table",
        "posteriors final.kws daat ark:out.ark",
        "daat: is not a specifier, such as scp:feats.scp, ark:feats.ark or ark,t:-",
    ),
    Case(
        "utterances that are all too short",
        "posteriors final.kws --no-pad-input ark:bad.ark ark:out.ark",
        "ark:bad.ark: holds no utterance that can be used",
        {"bad.ark": "a-1  [\n 1 2 3 4 5 6 7 8 ]\n"},
        notices=("a-1: 1 frames, needs 4; left out",),
        status=1,
    ),
    Case(
        "statistics for no CMVN",
        "features --config feats.conf --cmvn-stats no data out",
        "--cmvn-stats: the config says cmvn=none, which uses no statistics",
    ),
    Case(
        "missing statistics",
        "features --config bad.conf --cmvn-stats no data out",
        "no: No such file or directory",
        {"bad.conf": "--cmvn=global\n"},
    ),
    Case(
        "statistics of other columns",
        "features --config bad.conf --cmvn-stats bad.stats data out",
        "bad.stats: statistics of 2 columns do not fit features of 23; compute "
        "them with the same feature options",
        {"bad.conf": "--cmvn=global\n", "bad.stats": " [\n 1 2 3\n 4 5 6 ]\n"},
    ),
    Case(
        "statistics with nowhere to go",
        "features --config bad.conf data ark:out.ark",
        "ark:out.ark: cmvn=global computes statistics, which need an OUT_DIR to go "
        "to; name a directory or give --cmvn-stats",
        {"bad.conf": "--cmvn=global\n"},
    ),
    Case(
        "an output below a file",
        "features --config feats.conf data net.config/out",
        "net.config/out: Not a directory",
    ),
    Case(
        "a directory for an archive",
        "posteriors final.kws scp:feats.scp ark:data",
        "data: Is a directory",
    ),
    Case(
        "rubbish on standard input",
        "posteriors final.kws ark:- ark:out.ark",
        "ark:-: 'zz' is not a key and an object; is it an archive?",
    ),
    Case(
        "one name for the archive and the scp",
        "posteriors final.kws scp:feats.scp ark,scp:new.ark,new.ark",
        "ark,scp:new.ark,new.ark: names one file for both, the ark and the scp; name two",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_table(case: Case, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(b"zz")))
    world.check(case)
    assert not Path("made").exists()  # which the commands would make
