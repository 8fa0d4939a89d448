"""Take repos, branches, pipelines and notebooks from one pachd to another, or to a file and back.

There is one way for data to flow: a source tells what it has (`contents`) and gives, commit by
commit, what each changes; a sink takes it (`flow.move`). Sources and sinks are a pachd, through
the Client, and an archive:

    contents   what is moved, as values        changes   what a commit brings, as a stream
    reading    a pachd as a source              writing   a pachd as a sink
    archive    a file: how it is laid out       packing   as a sink         unpacking   as a source
    asking     what both ask a pachd            sending, branches, pipelines   parts of writing

A sink finds out itself what it has already, so that a copy that was cut short goes on.
"""
