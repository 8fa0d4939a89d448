"""What someone with pachyderm-sdk 2.12 does, in its own environment: `sdk_session.py PORT TOKEN`.

Prints what each call gave as one JSON object. Nothing of tycokit or python_pachyderm is here.
"""

import json
import sys

from pachyderm_sdk import Client
from pachyderm_sdk.api import pfs, pps


def session(client):
    found = {}
    default = pfs.Project(name="default")
    client.pfs.create_project(project=pfs.Project(name="second"), description="another")
    found["projects"] = [info.project.name for info in client.pfs.list_project()]
    found["described"] = client.pfs.inspect_project(project=pfs.Project(name="second")).description

    repo = pfs.Repo(name="images", type="user", project=default)
    client.pfs.create_repo(repo=repo, description="pictures")
    found["repos"] = [info.repo.name for info in client.pfs.list_repo()]
    found["repo"] = client.pfs.inspect_repo(repo=repo).description
    other = pfs.Repo(name="none", type="user", project=default)
    found["exist"] = [client.pfs.repo_exists(repo), client.pfs.repo_exists(other)]

    large = b"0123456789" * 500_000
    branch = pfs.Branch(repo=repo, name="master")
    with client.pfs.commit(branch=branch) as commit:
        commit.put_file_from_bytes(path="/a.txt", data=b"hello")
        commit.put_file_from_bytes(path="/d/large", data=large)
        commit.put_file_from_bytes(path="/gone", data=b"x")
    with client.pfs.commit(branch=branch) as commit:
        commit.delete_file(path="/gone")
        commit.copy_file(src=pfs.File(commit=commit, path="/a.txt"), dst="/b.txt")
    info = client.pfs.wait_commit(commit)
    found["finished"] = info.finished.year > 2000
    found["size"] = client.pfs.inspect_commit(commit=commit).details.size_bytes
    found["commits"] = len(list(client.pfs.list_commit(repo=repo)))
    found["newest"] = next(client.pfs.list_commit(repo=repo)).commit.id == commit.id
    found["branches"] = [info.branch.name for info in client.pfs.list_branch(repo=repo)]

    root = pfs.File(commit=commit, path="/")
    found["files"] = [[info.file.path, info.size_bytes] for info in client.pfs.list_file(file=root)]
    found["walked"] = [info.file.path for info in client.pfs.walk_file(file=root)]
    found["globbed"] = [
        info.file.path for info in client.pfs.glob_file(commit=commit, pattern="/*.txt")
    ]
    text = pfs.File.from_uri("images@master:/a.txt")
    with client.pfs.pfs_file(file=text) as file:
        found["read"] = file.read().decode()
    with client.pfs.pfs_file(file=pfs.File(commit=commit, path="/d/large")) as file:
        found["whole"] = file.read() == large
    with client.pfs.pfs_tar_file(file=root) as tar:
        found["tar"] = [member.name for member in tar if member.isfile()]
    found["paths"] = [
        client.pfs.path_exists(file=pfs.File(commit=commit, path=path)) for path in ("/a.txt", "/z")
    ]

    pipeline = pps.Pipeline(name="copy", project=default)
    client.pps.create_pipeline(
        pipeline=pipeline,
        transform=pps.Transform(cmd=["sh"], stdin=["cp /pfs/images/*.txt /pfs/out/", "echo done"]),
        input=pps.Input(pfs=pps.PfsInput(repo="images", glob="/", project="default")),
        description="copies",
    )
    found["pipelines"] = [info.pipeline.name for info in client.pps.list_pipeline()]
    info = client.pps.inspect_pipeline(pipeline=pipeline, details=True)
    found["pipeline"] = [info.version, info.details.description, info.details.input.pfs.repo]
    found["pipelines exist"] = [
        client.pps.pipeline_exists(pipeline),
        client.pps.pipeline_exists(pps.Pipeline(name="none", project=default)),
    ]
    (job,) = client.pps.list_job(pipeline=pipeline)
    info = client.pps.inspect_job(job=job.job, wait=True, details=True)
    found["job"] = [pps.JobState(info.state).name, info.data_processed, info.details.transform.cmd]
    found["all jobs"] = [info.job.id == job.job.id for info in client.pps.list_job()]
    found["set"] = [
        info.job.pipeline.name
        for info in client.pps.inspect_job_set(job_set=pps.JobSet(id=job.job.id))
    ]
    found["sets"] = len(list(client.pps.list_job_set()))
    found["datums"] = [
        pps.DatumState(info.state).name for info in client.pps.list_datum(job=job.job)
    ]
    found["logs"] = [
        [line.message for line in client.pps.get_logs(**of) if line.user]
        for of in ({"job": job.job}, {"pipeline": pipeline})
    ]
    output = pfs.File.from_uri("copy@master:/b.txt")
    with client.pfs.pfs_file(file=output) as file:
        found["output"] = file.read().decode()
    client.pps.delete_pipeline(pipeline=pipeline)
    found["left"] = len(list(client.pps.list_pipeline()))
    return found


if __name__ == "__main__":
    port, token = sys.argv[1:]
    json.dump(session(Client(host="127.0.0.1", port=int(port), auth_token=token)), sys.stdout)
