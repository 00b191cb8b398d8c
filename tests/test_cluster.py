"""Sweeps elsewhere: on a Dask cluster, in threads, in processes; the same rows, digit for digit."""

import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from threadpoolctl import threadpool_info, threadpool_limits

from companion import __main__, introduction
from companion.__main__ import main, studies
from companion._study import Study
from superposition import ResidualCircuits, ResidualConstruction, measure_error, sweep
from superposition.results import read_table
from superposition.sweep import one_thread

SETTINGS = [{"width": width} for width in (64, 96, 128)]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two worker processes, on ports of their own."""
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def errors(width, rng):
    """Products of matrices, large enough for BLAS to share them among threads; single precision."""
    circuits = ResidualCircuits.random(40, 4, 8, 2, rng).astype(np.float32)
    superposition = ResidualConstruction(4 * width, 8 * width).compress(circuits, rng)
    return measure_error(superposition, 1, 100, rng)


def run(measure=errors, settings=SETTINGS, **options):
    rng = np.random.default_rng(3)
    return sweep(measure, settings, 2, rng, progress=False, **options)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The sweep one run after the other: its table and its file."""
    file = tmp_path_factory.mktemp("alone") / "t.csv"
    return run(path=file), file.read_bytes()


def test_a_cluster_gives_the_same_bytes(client, tmp_path, alone):
    with joblib.parallel_config("dask"):
        table = run(path=tmp_path / "t.csv")
    pd.testing.assert_frame_equal(table, alone[0], check_exact=True)
    assert (tmp_path / "t.csv").read_bytes() == alone[1]


@pytest.mark.parametrize("options", [{"backend": "threading", "n_jobs": 3}, {"n_jobs": 2}])
def test_threads_and_processes_give_the_same_bytes(tmp_path, alone, options):
    with joblib.parallel_config(**options):
        run(path=tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == alone[1]


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_the_threads_that_were_allowed_before_change_nothing(alone, n_threads):
    with threadpool_limits(n_threads):
        pd.testing.assert_frame_equal(run(), alone[0], check_exact=True)


def where(width, rng):
    """Who computes this, and on how many threads."""
    import os  # what a function from a notebook needs, it brings along

    from threadpoolctl import threadpool_info

    threads = max(library["num_threads"] for library in threadpool_info())
    return pd.DataFrame({"process": [os.getpid()], "threads": [threads]})


def test_every_worker_computes_on_one_thread(client):
    with joblib.parallel_config("dask"):
        table = run(where, [{"width": n} for n in range(20)])
    workers = set(client.run(lambda: __import__("os").getpid()).values())
    assert set(table["process"]) == workers
    assert len(workers) == 2
    assert set(table["threads"]) == {1}


def test_a_measurement_from_a_notebook_runs_on_the_cluster(client):
    """Its module is __main__, which the workers do not have, and it closes over a value."""
    source = """
def notebook_measurement(width, rng):
    return pandas.DataFrame({"value": [width * factor + rng.random()]})
"""
    main = sys.modules["__main__"].__dict__
    before = dict(main)
    try:
        main.update(pandas=pd, factor=3)
        exec(source, main)
        measure = main["notebook_measurement"]
        assert measure.__module__ == "__main__"
        with joblib.parallel_config("dask"):
            there = run(measure)
        pd.testing.assert_frame_equal(there, run(measure), check_exact=True)
    finally:
        main.clear()
        main.update(before)


def test_a_sweep_begun_here_ends_on_the_cluster(client, tmp_path, alone):
    """And the other way round."""
    here, there = {"backend": "sequential"}, {"backend": "dask"}
    for n, (first, second) in enumerate([(here, there), (there, here)]):
        file = tmp_path / f"{n}.csv"

        def breaks(width, rng):
            if width == 128:
                raise InterruptedError("at the last width")
            return errors(width, rng)

        with joblib.parallel_config(**first), pytest.raises(InterruptedError, match="last width"):
            run(breaks, path=file)
        kept = read_table(file.with_suffix(".partial.csv"))[0]
        assert set(kept["width"]) <= {64, 96}
        assert 0 < len(kept) < len(alone[0])
        with joblib.parallel_config(**second):
            run(path=file)
        assert file.read_bytes() == alone[1]


def test_a_study_runs_on_the_cluster_of_a_scheduler(client, tmp_path, monkeypatch):
    """`--scheduler`: a part of the study "depth", the same file as without."""
    depth = studies()["depth"]
    small = min(depth.settings, key=lambda setting: setting["stream_width"])
    part = Study(depth.measure, [small], n_seeds=2, seed=depth.seed)
    monkeypatch.setattr(introduction, "STUDIES", {"part": part})
    scheduler = client.scheduler.address
    for file, options in [("here.csv", ["--jobs", "1"]), ("there.csv", ["--scheduler", scheduler])]:
        main(["part", str(tmp_path / file), *options])
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    table = read_table(tmp_path / "there.csv")[0]
    assert part.deviations(small, 1, table).max() == 0


def test_a_study_without_scheduler_says_so(tmp_path, monkeypatch):
    """Port 1 of this machine: nobody is there."""
    monkeypatch.setattr(__main__, "_PATIENCE", "1s")
    path = tmp_path / "claim.csv"
    with pytest.raises(OSError, match="scheduler: wanted a Dask scheduler, got none at 127"):
        main(["claim", str(path), "--scheduler", "127.0.0.1:1"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [["--jobs", "2", "--scheduler", "a:1"], ["--scheduler"]])
def test_one_place_to_compute_is_asked_for(monkeypatch, capsys, options):
    with pytest.raises(SystemExit):
        main(["claim", "claim.csv", *options])
    assert "--scheduler" in capsys.readouterr().err


def n_threads():
    return {library["num_threads"] for library in threadpool_info()}


def test_the_last_to_leave_gives_the_threads_back():
    """Two at once, the first to come leaves first: the other still has one thread."""
    with threadpool_limits(2):
        one_thread.__enter__()
        one_thread.__enter__()
        one_thread.__exit__(None, None, None)
        assert n_threads() == {1}
        one_thread.__exit__(None, None, None)
        assert n_threads() == {2}


def test_a_run_that_fails_gives_the_threads_back():
    with threadpool_limits(2):
        with pytest.raises(ZeroDivisionError), one_thread:
            n_threads().add(1 / 0)
        assert n_threads() == {2}
