"""A pipeline's workers: how it stands, what others would bring, and the update of them alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gates import Gates, constant, one_a_set, pipeline
from pipeline_driver import SUCCESS, Site, counts, wait_for
from python_pachyderm.service import pps_proto

from tycokit.errors import NodesUnknown, PipelineChanged, ScaleError
from tycokit.pipelines import specdiff, specs
from tycokit.scaling import change, choices, nodes, standing
from tycokit.scaling.choices import Coefficient, Constant
from tycokit.scaling.nodes import Nodes

FOUR = Nodes(4, "node", "as declared")
KILLED = pps_proto.JobState.JOB_KILLED


def newest(site: Site, name: str) -> Any:
    return next(site.client.list_job(name, number=1))


def ended(site: Site, name: str) -> Any:
    return site.job(name, newest(site, name).job.id)


def put(site: Site, repo: str, names: str) -> str:
    return site.put(repo, {f"/{name}": name.encode() for name in names})


# what a person says


@pytest.mark.parametrize(
    ("text", "choice", "of_four"),
    [
        ("1", Constant(1), 1),
        (" 12 ", Constant(12), 12),
        ("2x", Coefficient(2), 8),
        ("0.5X", Coefficient(0.5), 2),
        (".1x", Coefficient(0.1), 1),  # at least one
        ("1.9 ×", Coefficient(1.9), 7),  # rounded down
        ("0.33333333x", Coefficient(0.33333333), 1),
    ],
)
def test_a_choice_is_a_number_or_a_multiple_of_the_nodes(
    text: str, choice: choices.Choice, of_four: int
) -> None:
    assert choices.parse(text) == choice
    assert choices.workers(choice, 4) == of_four
    assert choices.parse(str(choice)) == choice


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "0x", "x", "two", "99999", "1e3x", "4 4"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ScaleError, match="no number of workers"):
        choices.parse(text)


# nodes


def test_the_nodes_come_with_where_they_are_known_from(site: Site) -> None:
    told = nodes.find(site.client)
    assert (told.unit, told.source) == ("core", "as pachd tells")
    assert told.count >= 1
    assert str(nodes.find(site.client, 3)) == "3 nodes, as declared"
    assert str(Nodes(1, "node", "as declared")) == "1 node, as declared"
    with pytest.raises(NodesUnknown):
        nodes.find(site.client, 0)


def test_what_was_recorded_counts_where_nobody_else_knows(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def nobody(deployment: str) -> int:
        asked.append(deployment)
        raise NodesUnknown("no Kubernetes is known")

    def listed(deployment: str) -> int:
        asked.append(deployment)
        return 7

    # a pachd that tells no cores, as one on Kubernetes
    monkeypatch.setattr(nodes, "CORES_KEY", "x-unheard-of")
    assert nodes.find(site.client, listed=listed) == Nodes(7, "node", "as Kubernetes lists them")
    assert asked == [site.client.inspect_cluster().deployment_id]
    with pytest.raises(NodesUnknown, match="no Kubernetes is known"):
        nodes.find(site.client, listed=nobody)
    known = nodes.find(site.client, annotations={choices.NODES: str(FOUR)}, listed=nobody)
    assert known == Nodes(4, "node", "as recorded when it was last scaled")
    with pytest.raises(NodesUnknown):
        nodes.find(site.client, annotations={choices.NODES: "many"}, listed=nobody)


# the update


def test_an_update_changes_the_workers_and_processes_nothing_again(site: Site) -> None:
    site.client.create_repo("still")
    put(site, "still", "abcdef")
    made = {"datum_tries": 2, "description": "copies", "output_branch": "out"}
    pipeline(site, "copies", "still", "cp $in /pfs/out", **made)
    assert counts(ended(site, "copies")) == (6, 0, 0)
    before = standing.inspect(site.client, "copies")

    planned = change.plan(site.client, "copies", Constant(3))
    assert (planned.before, planned.after) == (Constant(1), Constant(3))
    assert (planned.workers_before, planned.workers_after) == (1, 3)
    assert (planned.ends, planned.again, planned.warnings) == ((), 0, ())
    changed = [line for line in planned.difference.splitlines() if line[:1] in "+-"]
    assert changed == [
        "--- copies, version 1",
        "+++ copies, version 2",
        '-    "constant": "1"',
        '+    "constant": "3"',
    ]
    assert standing.inspect(site.client, "copies").version == 1  # nothing is done yet

    applied = change.apply(site.client, planned)
    after = standing.inspect(site.client, "copies")
    assert applied.version == after.version == 2
    assert after.details.parallelism_spec.constant == after.parallelism == 3
    assert specdiff.differences(specdiff.request_of(before), after) == ["parallelism_spec"]
    assert after.details.salt == before.details.salt
    assert applied.job == newest(site, "copies").job.id
    job = site.job("copies", applied.job)
    assert (job.state, counts(job)) == (SUCCESS, (0, 6, 0))  # all skipped
    assert len(site.paths("copies", "/*", "out")) == 6

    back = change.undo(site.client, "copies")
    assert (back.before, back.after) == (Constant(3), Constant(1))
    change.apply(site.client, back)
    assert standing.look(site.client, "copies").choice == Constant(1)
    assert counts(ended(site, "copies")) == (0, 6, 0)
    again = change.undo(site.client, "copies")  # an undone change is undone
    assert again.after == Constant(3)
    put(site, "still", "g")
    assert counts(ended(site, "copies")) == (1, 6, 0)


def test_a_coefficient_becomes_a_constant_and_is_remembered(site: Site) -> None:
    site.client.create_repo("scaled")
    own = pps_proto.Metadata(annotations={"owner": "me"}, labels={"team": "a"})
    pipeline(site, "scaled-copies", "scaled", "true", metadata=own)
    change.apply(site.client, change.plan(site.client, "scaled-copies", Coefficient(1.5), FOUR))
    info = standing.inspect(site.client, "scaled-copies")
    assert info.details.parallelism_spec.constant == 6
    assert dict(info.details.metadata.annotations) == {
        "owner": "me",
        choices.COEFFICIENT: "1.5",
        choices.NODES: "4 nodes, as declared",
    }
    assert dict(info.details.metadata.labels) == {"team": "a"}
    assert standing.look(site.client, "scaled-copies").choice == Coefficient(1.5)

    planned = change.plan(site.client, "scaled-copies", Constant(6))
    assert not planned.empty  # as many workers, but no more by the coefficient
    change.apply(site.client, planned)
    info = standing.inspect(site.client, "scaled-copies")
    assert dict(info.details.metadata.annotations) == {"owner": "me"}
    back = change.undo(site.client, "scaled-copies")
    assert back.after == Coefficient(1.5)
    change.apply(site.client, back)
    annotations = standing.inspect(site.client, "scaled-copies").details.metadata.annotations
    assert (annotations["owner"], annotations[choices.COEFFICIENT]) == ("me", "1.5")
    assert nodes.recorded(annotations) is not None


def test_a_coefficient_of_nodes_that_have_come_or_gone_is_told() -> None:
    annotations = choices.annotated(Coefficient(1.5), FOUR)
    six = Nodes(6, "node", "as Kubernetes lists them")
    said = "the cluster's size has changed: 1.5x was 6 of 4, and is 9 of 6 now"
    assert nodes.outdated(Coefficient(1.5), annotations, six) == said
    assert nodes.outdated(Coefficient(1.5), annotations, FOUR) == ""
    assert nodes.outdated(Constant(6), {}, six) == ""


def test_a_spec_and_a_change_turn_a_coefficient_into_the_same(site: Site) -> None:
    site.client.create_repo("same")
    text = (
        '{"pipeline": {"name": "same-copies"}, "transform": {"cmd": ["true"]},'
        ' "parallelism_spec": {"coefficient": 0.75},'
        ' "input": {"pfs": {"repo": "same", "glob": "/"}}}'
    )
    (spec,) = specs.parse(text, "same.json", 4)
    site.client.create_pipeline_from_request(spec.request)
    assert standing.look(site.client, "same-copies").choice == Coefficient(0.75)
    change.apply(site.client, change.plan(site.client, "same-copies", Constant(1)))
    change.apply(site.client, change.plan(site.client, "same-copies", Coefficient(0.75), FOUR))
    info = standing.inspect(site.client, "same-copies")
    assert info.details.parallelism_spec.constant == spec.request.parallelism_spec.constant == 3


def test_what_is_as_it_should_be_is_not_updated(site: Site) -> None:
    site.client.create_repo("even")
    pipeline(site, "even-copies", "even", "true", parallelism_spec=constant(2))
    planned = change.plan(site.client, "even-copies", Constant(2))
    assert planned.empty
    assert change.apply(site.client, planned).version == 1
    with pytest.raises(ScaleError, match="always had 2 workers"):
        change.undo(site.client, "even-copies")


def test_an_update_meanwhile_is_not_overwritten(site: Site) -> None:
    site.client.create_repo("raced")
    pipeline(site, "raced-copies", "raced", "true")
    planned = change.plan(site.client, "raced-copies", Constant(2))
    change.apply(site.client, change.plan(site.client, "raced-copies", Constant(5)))
    with pytest.raises(PipelineChanged, match=r"version 2, looked at 1.*nothing was changed"):
        change.apply(site.client, planned)
    assert standing.look(site.client, "raced-copies").workers == 5


def test_a_pipeline_with_every_kind_of_input_keeps_all_of_it(site: Site) -> None:
    site.client.create_repo("many")
    put(site, "many", "ab")
    site.client.create_repo("rare")
    trigger = pps_proto.PFSInput(repo="rare", glob="/*", name="late")
    trigger.trigger.size = "1G"
    leaves = [
        pps_proto.Input(pfs=pps_proto.PFSInput(repo="many", glob="/*", name="in", lazy=True)),
        pps_proto.Input(pfs=pps_proto.PFSInput(repo="many", glob="/(*)", name="by", group_by="$1")),
        pps_proto.Input(pfs=trigger),
        pps_proto.Input(cron=pps_proto.CronInput(name="tick", spec="@never")),
    ]
    whole = pps_proto.Input(
        union=[leaves[0], pps_proto.Input(cross=leaves[2:]), pps_proto.Input(group=leaves[1:2])]
    )
    pipeline(site, "many-copies", "many", "true", input=whole, autoscaling=True)
    before = standing.inspect(site.client, "many-copies")
    change.apply(site.client, change.plan(site.client, "many-copies", Constant(2)))
    after = standing.inspect(site.client, "many-copies")
    assert after.details.input == before.details.input
    assert specdiff.differences(specdiff.request_of(before), after) == ["parallelism_spec"]


def test_a_pipeline_that_runs_everything_each_time_says_so(site: Site) -> None:
    site.client.create_repo("each")
    put(site, "each", "ab")
    pipeline(site, "each-copies", "each", "true", reprocess_spec="every_job")
    ended(site, "each-copies")
    planned = change.plan(site.client, "each-copies", Constant(2))
    (warning,) = planned.warnings
    assert "every datum in every job" in warning
    change.apply(site.client, planned)
    assert counts(ended(site, "each-copies")) == (2, 0, 0)


def test_a_paused_pipeline_is_updated_and_stays_paused(site: Site) -> None:
    site.client.create_repo("paused")
    pipeline(site, "paused-copies", "paused", "true")
    ended(site, "paused-copies")
    site.client.stop_pipeline("paused-copies")
    applied = change.apply(site.client, change.plan(site.client, "paused-copies", Constant(4)))
    assert applied.job is None
    found = standing.look(site.client, "paused-copies")
    assert (found.state, found.workers, found.work.jobs) == ("paused", 4, ())


def test_a_spout_has_no_workers_to_choose(site: Site) -> None:
    command = pps_proto.Transform(cmd=["true"])
    site.client.create_pipeline("fountain", command, spout=pps_proto.Spout())
    with pytest.raises(ScaleError, match="is a spout"):
        standing.look(site.client, "fountain")


# while a job runs


def test_an_update_ends_the_running_job_as_pachyderm_does(site: Site, tmp_path: Path) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("busy")
    put(site, "busy", "abcdef")
    pipeline(
        site,
        "busy-copies",
        "busy",
        "sleep 0.6",
        *gates.lines,
        "cp $in /pfs/out",
        parallelism_spec=constant(2),
        datum_set_spec=one_a_set(),
    )
    gates.open("a", "b", "c")

    def three_done() -> Any:
        found = standing.work(site.client, "busy-copies")
        return found if (found.again, found.working) == (3, 2) else None

    found = wait_for(three_done)
    (job,) = found.jobs
    assert (job.state, job.total, job.to_do, job.worked) == ("running", 6, 3, 3)
    assert (found.waiting, found.uncounted, found.broken) == (3, 0, None)
    put(site, "busy", "g")  # its job has to wait, and has not counted its datums
    found = standing.work(site.client, "busy-copies")
    assert [each.total for each in found.jobs] == [None, 6]
    assert (found.uncounted, found.again) == (1, 3)

    planned = change.plan(site.client, "busy-copies", Constant(4))
    assert len(planned.ends) == 2
    assert planned.ends[-1] == job.id
    assert planned.again == 3
    (warning,) = planned.warnings
    assert warning == (
        "this ends 2 jobs that have not ended, and a new one takes over;"
        " what is done of it, 3 datums, runs again"
    )
    applied = change.apply(site.client, planned)
    for id_ in planned.ends:
        (before,) = site.client.inspect_job(id_, "busy-copies", wait=True)
        assert before.state == KILLED
        assert "pipeline was updated" in before.reason
    wait_for(lambda: standing.work(site.client, "busy-copies").working == 4)
    gates.open()
    assert applied.job is not None
    assert counts(site.job("busy-copies", applied.job)) == (7, 0, 0)  # the three as well
    assert len(site.paths("busy-copies", "/*")) == 7


@pytest.mark.parametrize("how", ["failed", "stopped"])
def test_after_a_job_that_did_not_end_well_its_datums_run_again_as_is_said(
    site: Site, tmp_path: Path, how: str
) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo(how)
    put(site, how, "ab")
    name = f"{how}-copies"
    pipeline(site, name, how, *gates.lines, "test $(cat $in) != d", datum_tries=1)
    gates.open("a", "b", "d")
    assert counts(ended(site, name)) == (2, 0, 0)
    id_ = put(site, how, "cd")
    if how == "failed":
        gates.open("c")
    else:
        wait_for(lambda: site.client.inspect_job(id_, name).__next__().data_total == 4)
        site.client.stop_job(id_, name)
    site.job(name, id_)
    planned = change.plan(site.client, name, Constant(2))
    assert (planned.ends, planned.again) == ((), 2)
    (warning,) = planned.warnings
    assert warning == (
        f"the last job {'failed' if how == 'failed' else 'was stopped'}, and Pachyderm builds on"
        " the last one without an error: what it had to do, 2 datums, runs now"
    )
    gates.open()
    change.apply(site.client, planned)
    assert counts(ended(site, name)) == (1, 2, 1)


# how fast


def test_speeds_are_measured_by_the_workers_that_had_work(site: Site) -> None:
    site.client.create_repo("timed")
    put(site, "timed", "abcd")
    pipeline(site, "timed-copies", "timed", "sleep 0.2", parallelism_spec=constant(2))
    job = ended(site, "timed-copies")
    (one,) = standing.look(site.client, "timed-copies").speeds
    assert (one.workers, one.datums, one.jobs) == (2, 4, 1)
    took = job.finished.ToNanoseconds() - job.started.ToNanoseconds()
    assert one.seconds == pytest.approx(took / 1e9)
    assert one.busy > 4 * 0.2
    assert 0.2 <= one.shared <= 2 * one.seconds / 4
    put(site, "timed", "e")  # one datum has one worker, whatever there are
    ended(site, "timed-copies")
    found = standing.look(site.client, "timed-copies").speeds
    assert [(each.workers, each.datums) for each in found] == [(1, 1), (2, 4)]
    # those of an older version count as well
    change.apply(site.client, change.plan(site.client, "timed-copies", Constant(3)))
    ended(site, "timed-copies")
    assert standing.look(site.client, "timed-copies").speeds == found
