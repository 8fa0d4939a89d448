"""gRPC servicers: they translate, nothing more. The only importer of *_pb2."""
