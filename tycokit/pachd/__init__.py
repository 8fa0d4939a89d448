"""A single-machine Pachyderm that speaks Pachyderm's own gRPC API."""
