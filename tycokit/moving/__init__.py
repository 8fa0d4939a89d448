"""Take repos, branches, pipelines and notebooks from one pachd to another, or to a file and back.

There is one way for data to flow: a source tells what it has (`contents`) and gives, commit by
commit, what each changes; a sink takes it (`flow.move`). Sources and sinks are a pachd, through
the Client, and an archive:

    contents   what is moved, as values        changes   what a commit brings, as a stream
    reading    a pachd as a source             fetching  its files, many in one stream
    writing    a pachd as a sink               previewing   one that only tells what it would do
    archive    a file: how it is laid out      packing   as a sink      unpacking   as a source
    asking     what both ends ask a pachd
    destination   what there is at the other end, and must not be undone; marks are how it knows
    branches, pipelines   what is done for each; sending   how a commit is written

A sink finds out itself what it has already, so that a copy that was cut short goes on.
"""
